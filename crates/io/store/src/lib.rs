//! The cluster's state: revisions, ranges, transactions, watches, compaction, TTL; etcd's semantics for every backend.
//!
//! Source of the semantics: etcd's KV API guarantees and `rpc.proto` (v3.4 to v3.6).
//!
//! Invariants
//! - An acknowledged write is durable and is seen by every later read.
//! - Every write has one revision, greater than all before; a transaction's writes share one.
//! - A watch delivers every change after its start, in revision order, once; or ends with [`WatchError::Compacted`].

mod carry;
mod embedded;
mod etcd;
mod sealer;

pub use embedded::{Embedded, OpenError, Options};
pub use etcd::{
    AdminError, Alarm, AlarmKind, Etcd, EtcdAdmin, EtcdError, EtcdOptions, EtcdTls, Member, MemberStatus, SnapshotInfo,
};
pub use sealer::{SealError, Sealer};

use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;

/// The number of a write. 0 is "before everything". The first write is 1 in the embedded store and 2 in etcd, whose empty
/// store has revision 1 (in a store that is shared, any number): ask [`Store::revision`], do not count from 0.
pub type Revision = u64;

/// `/registry/pods/default/web-0`. Cheap to clone.
pub type Key = std::sync::Arc<str>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    pub key: Key,
    pub value: Bytes,
    /// Revision of the key's creation.
    pub created: Revision,
    /// Revision of the key's last write.
    pub modified: Revision,
}

/// A condition of a transaction. A missing key has revision 0.
#[derive(Debug, Clone)]
pub enum Compare {
    /// The key's last write has this revision; 0 means "the key does not exist".
    ModifiedIs(Key, Revision),
}

impl Compare {
    /// The key does not exist.
    pub fn missing(key: impl Into<Key>) -> Self {
        Self::ModifiedIs(key.into(), 0)
    }

    /// Nobody wrote the key since `revision`.
    pub fn unchanged(key: impl Into<Key>, revision: Revision) -> Self {
        Self::ModifiedIs(key.into(), revision)
    }
}

#[derive(Debug, Clone)]
pub enum Op {
    /// With `ttl`, the key deletes itself after that time (within a few seconds; a deletion like any other).
    Put {
        key: Key,
        value: Bytes,
        ttl: Option<Duration>,
    },
    Delete {
        key: Key,
    },
}

impl Op {
    /// A put without expiry.
    pub fn put(key: impl Into<Key>, value: impl Into<Bytes>) -> Self {
        Self::Put { key: key.into(), value: value.into(), ttl: None }
    }

    pub fn delete(key: impl Into<Key>) -> Self {
        Self::Delete { key: key.into() }
    }
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All compares held, all ops are durable at this revision.
    Done { revision: Revision },
    /// A compare failed, nothing was written; the keys compared as they are now, at `revision`.
    Refused { revision: Revision, current: Vec<Option<KeyValue>> },
}

#[derive(Debug, Clone, Default)]
pub struct Range {
    /// Every key that starts so.
    pub prefix: String,
    /// Keys after this one only (exclusive), for paging.
    pub after: Option<String>,
    /// The state at this revision instead of the newest.
    pub at: Option<Revision>,
    /// At most so many keys; 0 means all.
    pub limit: usize,
}

impl Range {
    /// All keys under `prefix`, as they are now.
    pub fn under(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..Self::default() }
    }
}

#[derive(Debug, Clone)]
pub struct RangeResult {
    /// In key order.
    pub items: Vec<KeyValue>,
    /// The store's revision when this was read (the newest, even for a read of the past).
    pub revision: Revision,
    /// Keys left beyond `limit`.
    pub remaining: usize,
}

/// A change as a watch sees it.
#[derive(Debug, Clone)]
pub struct Change {
    pub revision: Revision,
    pub key: Key,
    /// None: the key was deleted.
    pub value: Option<Bytes>,
    /// The key's value before, where it existed.
    pub previous: Option<Bytes>,
}

/// Why a write did not happen. Whatever the variant but `Unknown`, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk (or quota) is full: deletes are still accepted; writes again when there is space. Says what is full, and
    /// how to make room.
    #[error("the store is full: {0}")]
    Full(String),
    #[error("the store cannot write: {0}")]
    Io(String),
    /// The outcome is not known (connection to the backend lost after sending).
    #[error("the outcome of the write is unknown: {0}")]
    Unknown(String),
    #[error("the store is closing")]
    Closed,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("revision {asked} has been compacted; the oldest kept is {oldest}")]
    Compacted { asked: Revision, oldest: Revision },
    #[error("revision {asked} is in the future; the newest is {newest}")]
    Future { asked: Revision, newest: Revision },
    #[error("the store cannot read: {0}")]
    Io(String),
}

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("revision {asked} has been compacted; the oldest kept is {oldest}")]
    Compacted { asked: Revision, oldest: Revision },
    /// The reader was too slow for the bounded queue, or the backend went away: watch again from the last revision.
    #[error("the watch was cut: {0}")]
    Cut(String),
}

/// A running watch. Changes come in batches, each batch whole transactions in order.
#[async_trait]
pub trait Watch: Send {
    /// Waits for the next batch (never empty). After an error the watch has ended. May be cancelled (`select!`) without
    /// losing a change.
    async fn next(&mut self) -> Result<Vec<Change>, WatchError>;
}

#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Runs the ops if every compare holds. A key may occur in one op only (etcd refuses more). Ops that change nothing
    /// (deletes of missing keys) take no revision: the outcome then has the newest.
    async fn txn(&self, compares: Vec<Compare>, ops: Vec<Op>) -> Result<Outcome, WriteError>;

    async fn range(&self, range: Range) -> Result<RangeResult, ReadError>;

    async fn get(&self, key: &str) -> Result<Option<KeyValue>, ReadError>;

    /// Everything under `prefix` after revision `after`. `after` may be in the future; it may not be below the compacted
    /// revision.
    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>, WatchError>;

    /// Forgets the history before `revision`, which stays readable itself. One already compacted changes nothing, one
    /// in the future means the newest. Backends also compact by themselves.
    async fn compact(&self, revision: Revision) -> Result<(), WriteError>;

    /// The newest revision. All acknowledged writes are at or below it.
    async fn revision(&self) -> Result<Revision, ReadError>;
}
