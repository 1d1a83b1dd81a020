//! The embedded store's state as a snapshot of etcd, for a machine that becomes the first of several masters.
//!
//! The file is what `etcdctl snapshot save` would write of an etcd that had made the same writes and was then compacted at
//! the newest revision: etcd's own tool restores it (decision 24). No revision is made anew.
//!
//! Invariants
//! - Every live key has the value, creation, last change and expiry that it had; sealed values are sealed.
//! - The newest revision is the old one, and it is the oldest that can be read: who asks for an older one is told so.

mod bolt;
mod rows;

use crate::embedded::{Entry, Snapshot};
use crate::sealer::{Sealer, sealed};
use crate::{Embedded, Key, Range, RangeResult, ReadError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

impl Embedded {
    /// Writes a snapshot of etcd to `path` (mode 0600; must not exist) and returns what is in it. `seal`: as the etcd
    /// store will be opened with. Blocks for about as long as writing the values takes.
    ///
    /// # Errors
    /// If a value cannot be sealed or the file cannot be written; no file is left then.
    pub async fn carry_to_etcd(&self, path: &Path, seal: Option<Arc<Sealer>>) -> Result<RangeResult, ReadError> {
        let live = self.live();
        let state = live.range(&Range::under(""));
        let path = path.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            write(&path, &live, &seal).map_err(|error| ReadError::Io(format!("{}: {error}", path.display())))
        });
        let written = written.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        written.map(|()| state)
    }
}

fn write(path: &Path, live: &Snapshot, seal: &Option<Arc<Sealer>>) -> io::Result<()> {
    let file = bolt::create(path)?;
    let written = fill(file, live, seal);
    if written.is_err() {
        // Why it failed matters more than whether this works.
        _ = std::fs::remove_file(path);
    }
    written
}

fn fill(file: std::fs::File, live: &Snapshot, seal: &Option<Arc<Sealer>>) -> io::Result<()> {
    let mut entries: Vec<(&Key, &Entry)> = live.map.iter().map(|(key, entry)| (key, &**entry)).collect();
    entries.sort_unstable_by_key(|(_, entry)| entry.row);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let leases = rows::Leases::of(entries.iter().filter_map(|(_, entry)| entry.expires), now);
    let rows = entries.iter().map(|(key, entry)| {
        let stored = sealed(seal, key, &entry.value).map_err(io::Error::other)?;
        Ok((rows::position(entry.row), rows::row(key, entry, &stored, leases.id(entry.expires))))
    });
    let mut database = bolt::Writer::new(file)?;
    let rows = database.tree(rows)?;
    let leases = database.tree(leases.rows().into_iter().map(Ok))?;
    let compaction = database.tree(rows::compaction(live.revision).into_iter().map(Ok))?;
    let full = [("key", rows), ("lease", leases), ("meta", compaction)];
    let buckets = rows::BUCKETS.map(|name| (name, full.iter().find(|(of, _)| *of == name).and_then(|(_, root)| *root)));
    database.finish(&buckets)
}
