//! The doors of nodes: on a single machine there is one, in this very process.

use apimachinery::{ApiError, ApiResult, Reason};
use async_trait::async_trait;
use client::door::{Doors, NodeDoor};
use std::sync::{Arc, OnceLock};

/// Opened once the node agent runs. The API server is given it before.
#[derive(Default)]
pub struct LocalDoor {
    node: OnceLock<(String, Arc<dyn NodeDoor>)>,
}

impl LocalDoor {
    /// Later calls change nothing.
    pub fn open(&self, name: &str, node: Arc<dyn NodeDoor>) {
        _ = self.node.set((name.to_owned(), node));
    }
}

#[async_trait]
impl Doors for LocalDoor {
    async fn door(&self, node: &str) -> ApiResult<Arc<dyn NodeDoor>> {
        match self.node.get() {
            Some((name, door)) if name == node => Ok(Arc::clone(door)),
            _ => Err(ApiError::new(Reason::ServiceUnavailable, format!("node {node:?} cannot be reached"))),
        }
    }
}
