//! The doors of nodes: this machine's is in this very process, the others' are at their agents' port.

use apimachinery::{ApiError, ApiResult, Reason};
use async_trait::async_trait;
use client::door::{Doors, NodeDoor};
use std::sync::{Arc, OnceLock};

/// Opened once the node agent runs. The API server is given it before.
#[derive(Default)]
pub struct NodeDoors {
    own: OnceLock<(String, Arc<dyn NodeDoor>)>,
    others: OnceLock<Arc<dyn Doors>>,
}

impl NodeDoors {
    /// Later calls change nothing.
    pub fn open(&self, name: &str, node: Arc<dyn NodeDoor>) {
        _ = self.own.set((name.to_owned(), node));
    }

    /// Where the other nodes' are found. Later calls change nothing.
    pub fn find_others(&self, others: Arc<dyn Doors>) {
        _ = self.others.set(others);
    }
}

#[async_trait]
impl Doors for NodeDoors {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        if let Some((name, door)) = self.own.get()
            && name == node
        {
            return Ok(Arc::clone(door));
        }
        match self.others.get() {
            Some(others) => others.door(node).await,
            None => Err(ApiError::new(Reason::ServiceUnavailable, format!("node {node:?} cannot be reached"))),
        }
    }
}
