//! Snapshots of the cluster: its whole state and its keys, in one file.
//!
//! Whoever has the file has the cluster: it is made for root alone (0600), and copies of it belong into safe places.
//!
//! Invariant: a snapshot is whole or not there; the state in it is one that was, at one revision.

mod archive;
mod restore;
mod saver;
mod schedule;

pub use restore::restore;
pub(crate) use saver::{Saver, Source};

use crate::Config;
use std::path::PathBuf;

/// How the names begin of those that are made by time, of which the oldest are removed; and of those asked for.
const SCHEDULED: &str = "scheduled";
const ASKED: &str = "snapshot";

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("{path} cannot be read or written. Check the folder and the disk's space")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0} is there already; name another file")]
    Exists(PathBuf),
    #[error("the store cannot be copied: {0}")]
    Store(String),
    #[error("etcd gives no snapshot")]
    Etcd(#[from] cluster::etcd::MemberError),
    #[error("the cluster's state is in an etcd of others: save it there, with `etcdctl snapshot save`")]
    External,
    #[error("{path} is no snapshot of ours: {why}")]
    Damaged { path: PathBuf, why: String },
    #[error("a server runs here. Stop it, and `barque reset` this machine: a snapshot is restored on an empty one")]
    Running,
    #[error("{0} is there: this machine has a cluster's keys or state. `barque reset` it first")]
    NotEmpty(PathBuf),
    #[error("this machine's part in the cluster cannot be written down")]
    Membership(#[from] cluster::MembershipError),
    #[error("the restored store cannot be opened")]
    Open(#[from] store::OpenError),
    #[error("the restored encryption key cannot be used")]
    Seal(#[from] store::SealError),
}

/// A file that `list` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    pub path: PathBuf,
    pub bytes: u64,
    pub at: jiff::Timestamp,
}

/// Where snapshots lie that are given no file.
pub fn folder(config: &Config) -> PathBuf {
    config.data_dir.join("snapshots")
}

/// Those in the folder, oldest first.
pub fn list(config: &Config) -> Vec<Saved> {
    let files = std::fs::read_dir(folder(config)).into_iter().flatten().flatten();
    let mut saved: Vec<Saved> = files
        .filter(|file| file.file_name().to_string_lossy().ends_with(".tar"))
        .filter_map(|file| {
            let found = file.metadata().ok()?;
            let at = jiff::Timestamp::try_from(found.modified().ok()?).ok()?;
            Some(Saved { path: file.path(), bytes: found.len(), at })
        })
        .collect();
    saved.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    saved
}
