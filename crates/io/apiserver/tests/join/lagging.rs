//! A store whose changes come late to those who watch it, as over a slow network.

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use store::{
    Change, Compare, KeyValue, Op, Outcome, Range, RangeResult, ReadError, Revision, Store, Watch, WatchError,
    WriteError,
};

/// Longer than a request takes.
const LAG: Duration = Duration::from_millis(30);

pub struct Lagging(pub Arc<dyn Store>);

struct LateWatch(Box<dyn Watch>);

#[async_trait]
impl Watch for LateWatch {
    async fn next(&mut self) -> Result<Vec<Change>, WatchError> {
        // Before the change is taken: whoever cancels loses none.
        tokio::time::sleep(LAG).await;
        self.0.next().await
    }
}

#[async_trait]
impl Store for Lagging {
    async fn txn(&self, compares: Vec<Compare>, ops: Vec<Op>) -> Result<Outcome, WriteError> {
        self.0.txn(compares, ops).await
    }

    async fn range(&self, range: Range) -> Result<RangeResult, ReadError> {
        self.0.range(range).await
    }

    async fn get(&self, key: &str) -> Result<Option<KeyValue>, ReadError> {
        self.0.get(key).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>, WatchError> {
        Ok(Box::new(LateWatch(self.0.watch(prefix, after).await?)))
    }

    async fn compact(&self, revision: Revision) -> Result<(), WriteError> {
        self.0.compact(revision).await
    }

    async fn revision(&self) -> Result<Revision, ReadError> {
        self.0.revision().await
    }
}
