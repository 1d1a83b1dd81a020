//! A store whose revisions go on from another's: what it calls 7 is 7 more than where the other one ended.
//!
//! A cluster that moves from one backend to another keeps its objects, but the new backend counts its revisions from
//! the beginning; a client that goes on from a revision of the old one would be given changes that are not those after
//! it. So the new one's revisions are shifted by a base, which lies in it, and all that is not above the base counts as
//! compacted: watches begin anew (`410 Gone`), updates of what was read before conflict.
//!
//! Invariant: the base is written once, before anything else, and never changes.

use crate::{
    Change, Compare, KeyValue, Op, Outcome, Range, RangeResult, ReadError, Revision, Store, Watch, WatchError,
    WriteError,
};
use async_trait::async_trait;
use std::sync::Arc;

/// Where the base lies, in decimal digits; outside of what is the API's.
pub const BASE_KEY: &str = "/barque/revision-base";

/// No key was ever written at it.
const NEVER: Revision = i64::MAX as Revision;

/// See the module.
pub struct Shifted {
    inner: Arc<dyn Store>,
    base: Revision,
}

impl Shifted {
    /// The store with the base that lies in it; one without a base is not shifted.
    ///
    /// # Errors
    /// If it cannot be read, or something else lies there.
    pub async fn over(inner: Arc<dyn Store>) -> Result<Arc<dyn Store>, ReadError> {
        let Some(found) = inner.get(BASE_KEY).await? else { return Ok(inner) };
        let base = std::str::from_utf8(&found.value).ok().and_then(|text| text.parse().ok());
        let base = base.ok_or_else(|| ReadError::Io(format!("{BASE_KEY} is no number. Restore a snapshot")))?;
        Ok(Self::by(inner, base))
    }

    fn by(inner: Arc<dyn Store>, base: Revision) -> Arc<dyn Store> {
        if base == 0 { inner } else { Arc::new(Self { inner, base }) }
    }

    fn out(&self, revision: Revision) -> Revision {
        revision + self.base
    }

    fn item(&self, item: KeyValue) -> KeyValue {
        KeyValue { created: self.out(item.created), modified: self.out(item.modified), ..item }
    }

    fn compare(&self, compare: Compare) -> Compare {
        let Compare::ModifiedIs(key, revision) = compare;
        Compare::ModifiedIs(
            key,
            match revision {
                0 => 0,
                revision if revision > self.base => revision - self.base,
                _ => NEVER,
            },
        )
    }

    fn read_error(&self, error: ReadError, asked: Revision) -> ReadError {
        match error {
            ReadError::Compacted { oldest, .. } => ReadError::Compacted { asked, oldest: self.out(oldest) },
            ReadError::Future { newest, .. } => ReadError::Future { asked, newest: self.out(newest) },
            other => other,
        }
    }
}

#[async_trait]
impl Store for Shifted {
    async fn txn(&self, compares: Vec<Compare>, ops: Vec<Op>) -> Result<Outcome, WriteError> {
        let compares = compares.into_iter().map(|compare| self.compare(compare)).collect();
        Ok(match self.inner.txn(compares, ops).await? {
            Outcome::Done { revision } => Outcome::Done { revision: self.out(revision) },
            Outcome::Refused { revision, current } => {
                let current = current.into_iter().map(|item| item.map(|item| self.item(item))).collect();
                Outcome::Refused { revision: self.out(revision), current }
            }
        })
    }

    async fn range(&self, range: Range) -> Result<RangeResult, ReadError> {
        let asked = range.at.unwrap_or(0);
        if range.at.is_some() && asked <= self.base {
            return Err(ReadError::Compacted { asked, oldest: self.out(1) });
        }
        let at = range.at.map(|at| at - self.base);
        let result = self.inner.range(Range { at, ..range }).await.map_err(|error| self.read_error(error, asked))?;
        let items = result.items.into_iter().map(|item| self.item(item)).collect();
        Ok(RangeResult { items, revision: self.out(result.revision), ..result })
    }

    async fn get(&self, key: &str) -> Result<Option<KeyValue>, ReadError> {
        Ok(self.inner.get(key).await?.map(|item| self.item(item)))
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>, WatchError> {
        if after <= self.base {
            return Err(WatchError::Compacted { asked: after, oldest: self.out(1) });
        }
        let inner = self.inner.watch(prefix, after - self.base).await;
        let inner = inner.map_err(|error| shifted_watch_error(error, self.base))?;
        Ok(Box::new(ShiftedWatch { inner, base: self.base }))
    }

    async fn compact(&self, revision: Revision) -> Result<(), WriteError> {
        self.inner.compact(revision.saturating_sub(self.base)).await
    }

    async fn revision(&self) -> Result<Revision, ReadError> {
        self.inner.revision().await.map(|revision| self.out(revision))
    }
}

struct ShiftedWatch {
    inner: Box<dyn Watch>,
    base: Revision,
}

#[async_trait]
impl Watch for ShiftedWatch {
    async fn next(&mut self) -> Result<Vec<Change>, WatchError> {
        let mut changes = self.inner.next().await.map_err(|error| shifted_watch_error(error, self.base))?;
        changes.iter_mut().for_each(|change| change.revision += self.base);
        Ok(changes)
    }
}

fn shifted_watch_error(error: WatchError, base: Revision) -> WatchError {
    match error {
        WatchError::Compacted { asked, oldest } => WatchError::Compacted { asked: asked + base, oldest: oldest + base },
        cut @ WatchError::Cut(_) => cut,
    }
}
