//! A snapshot of the whole store, as the file that `etcdctl snapshot save` writes: the database, then its SHA-256.
//!
//! Invariant: the file appears whole and checked, or not at all; nobody else may read it (it holds every secret).

use super::{AdminError, EtcdAdmin, proto};
use crate::etcd::grpc::CallError;
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

const SNAPSHOT: &str = "/etcdserverpb.Maintenance/Snapshot";
/// A database has whole pages of so many bytes at least.
const PAGE: u64 = 512;

/// What was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Of the database, without the checksum.
    pub bytes: u64,
    pub sha256: [u8; SHA256_OUTPUT_LEN],
}

impl EtcdAdmin {
    /// Saves a snapshot to `path`, mode 0600, over what is there. It holds all that was acknowledged before: the leader
    /// is asked for it, where it is among the endpoints.
    ///
    /// # Errors
    /// Where etcd or the disk fails, or the checksum is wrong; `path` is then as it was.
    pub async fn snapshot_save(&self, path: &Path) -> Result<SnapshotInfo, AdminError> {
        let beside = beside(path);
        let saved = self.save(&beside).await;
        let renamed = match saved {
            Ok(info) => rename(&beside, path).map(|()| info).map_err(|source| file_error(path, source)),
            Err(error) => Err(error),
        };
        if renamed.is_err() {
            // The error worth reporting is the first one.
            _ = std::fs::remove_file(&beside);
        }
        renamed
    }

    async fn save(&self, path: &Path) -> Result<SnapshotInfo, AdminError> {
        let failed = |source| file_error(path, source);
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).await.map_err(failed)?;
        let statuses = self.statuses().await;
        let leader = statuses.iter().find(|(_, status)| status.as_ref().is_ok_and(|status| status.is_leader));
        let endpoints = self.client.endpoints();
        let leader = endpoints.iter().find(|endpoint| leader.is_some_and(|(uri, _)| endpoint.uri == *uri));
        let mut parts = self.client.download(leader, SNAPSHOT, &proto::Empty {}).await.map_err(AdminError::of)?;
        let mut sum = Sum::default();
        let limit = self.client.options.timeout;
        loop {
            let next = timeout(limit, parts.message::<proto::SnapshotResponse>()).await;
            let next = next.unwrap_or_else(|_| Err(CallError::Lost(format!("the snapshot stopped for {limit:?}"))));
            let Some(part) = next.map_err(|error| AdminError::Unreachable(error.to_string()))? else { break };
            sum.take_in(&part.blob);
            file.write_all(&part.blob).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        sum.finish()
    }
}

/// Sums all but the last bytes, which are the sum that etcd made.
struct Sum {
    context: Context,
    bytes: u64,
    /// What may be the sum.
    tail: Vec<u8>,
}

impl Default for Sum {
    fn default() -> Self {
        Self { context: Context::new(&SHA256), bytes: 0, tail: Vec::new() }
    }
}

impl Sum {
    fn take_in(&mut self, part: &[u8]) {
        self.tail.extend_from_slice(part);
        let before = self.tail.len().saturating_sub(SHA256_OUTPUT_LEN);
        self.context.update(&self.tail[..before]);
        self.bytes += before as u64;
        self.tail.drain(..before);
    }

    fn finish(self) -> Result<SnapshotInfo, AdminError> {
        let sum = self.context.finish();
        if self.bytes == 0 || !self.bytes.is_multiple_of(PAGE) {
            return Err(AdminError::Damaged(format!("{} bytes are no database", self.bytes)));
        }
        if sum.as_ref() != self.tail {
            return Err(AdminError::Damaged("its SHA-256 is not the one etcd made".into()));
        }
        let sha256 = self.tail.try_into().map_err(|_| AdminError::Damaged("its SHA-256 is cut off".into()))?;
        Ok(SnapshotInfo { bytes: self.bytes, sha256 })
    }
}

impl SnapshotInfo {
    /// Checks a file that was saved, here or by `etcdctl`.
    ///
    /// # Errors
    /// If it cannot be read, or is not what was saved.
    pub fn check(path: &Path) -> Result<Self, AdminError> {
        use std::io::Read as _;
        let failed = |source| file_error(path, source);
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let mut sum = Sum::default();
        let mut part = vec![0; 1 << 16];
        loop {
            match file.read(&mut part).map_err(failed)? {
                0 => return sum.finish(),
                length => sum.take_in(&part[..length]),
            }
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

fn file_error(path: &Path, source: io::Error) -> AdminError {
    AdminError::File { path: path.to_owned(), source }
}
