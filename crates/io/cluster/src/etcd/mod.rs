//! A member of etcd, run by us: found or started, kept running, joined to others, taken out, saved and restored.
//!
//! etcd is a child that outlives us (decision 20): whoever comes next finds it by its data directory.
//!
//! Upstream: kubeadm's `phases/etcd`, etcd's "Runtime reconfiguration".
//!
//! Invariants
//! - One supervisor, and one etcd, for a data directory.
//! - A data directory is moved aside, never deleted, unless the member left the cluster on purpose.
//! - Every step of joining may be the last before a crash: joining again goes on or begins anew.

mod binary;
mod config;
mod join;
mod leave;
mod log;
mod open;
mod process;
mod recover;
mod state;
mod supervisor;

pub use binary::{Binary, Version};
pub use config::{Initial, MemberConfig, client_url};
pub use join::join;
pub use leave::{discard, leave, may_leave, stop, traces};
pub use open::open;
pub use recover::{recover, restore_tool, snapshot_restore};
pub use supervisor::{State, Supervisor};

use std::path::PathBuf;
use std::time::Duration;
use store::{AdminError, EtcdAdmin, EtcdError, EtcdOptions, EtcdTls};

/// What went wrong with our member.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    #[error("{program} is not installed. Install it: apt install {package}")]
    NoProgram { program: &'static str, package: &'static str },
    #[error("{path} is no etcd that can be used: {why}. Install 3.4 or later: apt install etcd-server")]
    Version { path: PathBuf, why: String },
    #[error("{path}: {source}. Check that it is ours and that the disk has space")]
    File { path: PathBuf, source: std::io::Error },
    #[error("another process runs the etcd of this machine (it holds {path}). Stop that one first")]
    Supervised { path: PathBuf },
    #[error("etcd did not become ready in {limit:?}: {why}. Its log {log} ends: {tail}")]
    NotReady { limit: Duration, why: String, log: PathBuf, tail: String },
    #[error("etcd (process {pid}) does not end, even killed. Look at its disk: {data_dir}")]
    Immortal { pid: i32, data_dir: PathBuf },
    #[error("joining etcd's other members took longer than {limit:?}: {source}")]
    Join { limit: Duration, source: AdminError },
    #[error(
        "without this member only {left} of etcd's {voters} voters would answer, and {needed} must. Mend or remove the \
         others first, or force it"
    )]
    Quorum { left: usize, voters: usize, needed: usize },
    #[error("the last member of etcd cannot leave it. Force it, to throw the cluster's state away")]
    Last,
    #[error(
        "this machine was a member of an etcd, and its data are gone from {data_dir}. Join the other members, or restore a \
         snapshot; to begin a new, empty cluster remove {member}"
    )]
    DataLost { data_dir: PathBuf, member: PathBuf },
    #[error("{0} has no data of an etcd. Restore a snapshot into it")]
    NoData(PathBuf),
    #[error("{0} has data of an etcd. Move it away before restoring a snapshot there")]
    HasData(PathBuf),
    #[error("{program} could not restore {path}: {why}")]
    Restore { program: PathBuf, path: PathBuf, why: String },
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Etcd(#[from] EtcdError),
}

impl MemberConfig {
    /// An administrator's connection to the members at these client URLs, with the certificate for that.
    ///
    /// # Errors
    /// If the keys cannot be read or used.
    pub fn admin(&self, endpoints: impl IntoIterator<Item = impl Into<String>>) -> Result<EtcdAdmin, MemberError> {
        let read = |name: &str| {
            let path = self.pki_dir.join(name);
            std::fs::read(&path).map_err(|source| MemberError::File { path, source })
        };
        let name = crate::EtcdLeaf::HealthcheckClient.file_name();
        let client = Some((read(&format!("{name}.crt"))?, read(&format!("{name}.key"))?));
        let tls = Some(EtcdTls { ca: read("etcd/ca.crt")?, client });
        Ok(EtcdAdmin::new(EtcdOptions { tls, ..EtcdOptions::new(endpoints) })?)
    }
}
