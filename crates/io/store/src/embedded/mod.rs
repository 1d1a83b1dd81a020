//! The embedded backend: an MVCC log in SQLite, the current state in RAM.
//!
//! One thread (the committer) takes all waiting transactions, writes them in one SQLite transaction, makes it durable,
//! then shows the result to readers and watches, then acknowledges. Reads of the present touch no disk; reads of the
//! past do it on a blocking thread, unless the change is so recent that it is still in RAM.
//!
//! Invariants
//! - Nothing is shown or acknowledged before it is durable; a batch that cannot be written leaves no trace.
//! - One process per database: a lock file says so, for as long as the process lives.

mod committer;
mod disk;
mod space;
mod state;
mod watch;

use crate::{
    Compare, Key, KeyValue, Op, Outcome, Range, RangeResult, ReadError, Revision, SealError, Sealer, Store, Watch,
    WatchError, WriteError,
};
use async_trait::async_trait;
use committer::{Command, Committer, Pending};
use disk::{DiskError, Reader};
pub(crate) use state::{Entry, RowId, Snapshot};
use state::{MAX_OPS, Shared};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Room in the committer's queue, in KiB of values; one that comes when it is full waits. Bounds the memory that
/// waiting writes take.
const QUEUE_KIB: u32 = 32 << 10;
/// What a transaction takes of it beside its values, so that small ones are bounded in number too (4096).
const TXN_KIB: u32 = 8;

/// How to open an embedded store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file. It, and what stands beside it, is made with mode 0600, a missing folder with 0700.
    pub path: PathBuf,
    /// Encrypts values on disk. Default: none.
    pub seal: Option<Arc<Sealer>>,
    /// Revisions the store keeps of itself for reads of the past and late watches, at least; who calls
    /// [`Store::compact`], as the API server does by age, forgets sooner. Default 10,000.
    pub keep_revisions: u64,
    /// Revisions younger than this are kept of itself too, up to ten times `keep_revisions`. Default 5 minutes
    /// (upstream: `--etcd-compaction-interval`).
    pub keep_age: Duration,
    /// Bytes of the file that is given up when the disk is full, so that deletes still work. Default 8 MiB.
    /// Must be more than the WAL usually has (4 MiB).
    pub reserve_bytes: u64,
}

impl Options {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            seal: None,
            keep_revisions: 10_000,
            keep_age: Duration::from_secs(300),
            reserve_bytes: 8 << 20,
        }
    }
}

/// Why a store was not opened. Nothing on disk was changed that matters.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store {path} is in use by another process (it holds {lock}). Stop that one first")]
    Locked { path: PathBuf, lock: PathBuf },
    #[error(
        "the store {path} is damaged: {detail}. Move it (with its -wal file) away and restore a snapshot in its place"
    )]
    Corrupt { path: PathBuf, detail: String },
    #[error(
        "the store {path} was made by a newer version (layout {layout}). Start that version, or restore a snapshot"
    )]
    Newer { path: PathBuf, layout: i64 },
    #[error("{path} is not a store: {detail}. Name another file")]
    Foreign { path: PathBuf, detail: String },
    #[error("the store {path} cannot be opened: {detail}")]
    Io { path: PathBuf, detail: String },
    #[error("the store {path} cannot be opened: {source}")]
    Seal { path: PathBuf, source: SealError },
}

/// An open store. Closes when dropped (waits for the writes that were sent).
pub struct Embedded {
    path: PathBuf,
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    admission: Arc<Semaphore>,
    /// `None` once closing.
    queue: Mutex<Option<mpsc::Sender<Command>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    /// Set by the committer while the disk is full.
    full: Arc<AtomicBool>,
}

impl Embedded {
    /// Opens the store or makes a new one. Blocks while it reads the log (about 50 ms for 40 MB).
    pub fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let path = options.path.clone();
        let failed = |error| open_error(&path, error);
        let lock = prepare(&path)?;
        let connection = disk::open(&path).map_err(failed)?;
        let snapshot = disk::load(&connection, &options.seal).map_err(failed)?;
        let reader = Arc::new(Reader::open(&path, options.seal.clone()).map_err(failed)?);
        let shared = Arc::new(Shared::new(snapshot));
        let (queue, commands) = mpsc::channel();
        let full = Arc::new(AtomicBool::new(false));
        let committer = Committer::new(connection, shared.clone(), commands, &options, full.clone(), lock)
            .map_err(|error| failed(error.into()))?;
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || committer.run())
            .map_err(|error| OpenError::Io { path: path.clone(), detail: error.to_string() })?;
        Ok(Arc::new(Self {
            path,
            shared,
            reader,
            admission: Arc::new(Semaphore::new(QUEUE_KIB as usize)),
            queue: Mutex::new(Some(queue)),
            committer: Mutex::new(Some(thread)),
            full,
        }))
    }

    /// Writes what is in the queue, ends all watches and releases the files. Later writes give [`WriteError::Closed`].
    pub fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's committer panicked");
        }
    }

    /// Writes a consistent copy of the store to `path` (mode 0600; must not exist). Sealed values stay sealed: keep the
    /// key file with it. Does not hold up writes.
    pub async fn snapshot_to(&self, path: &Path) -> Result<(), ReadError> {
        let store = self.path.clone();
        let path = path.to_owned();
        let copied = tokio::task::spawn_blocking(move || {
            let file =
                private().create_new(true).open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let copied = disk::copy(&store, &path).map_err(|error| error.to_string());
            copied.and_then(|()| file.sync_all().map_err(|error| error.to_string())).inspect_err(|_| {
                // Half a snapshot is none. Why it failed matters more than whether this works.
                _ = std::fs::remove_file(&path);
            })
        });
        copied.await.map_err(|_| "the store is closing".to_owned()).flatten().map_err(ReadError::Io)
    }

    /// The oldest revision that can be read.
    pub fn compacted(&self) -> Revision {
        self.shared.snapshot().compacted
    }

    /// Whether the disk is full, so that only deletes are accepted.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The state as it is now.
    pub(crate) fn live(&self) -> Arc<Snapshot> {
        self.shared.snapshot()
    }

    fn send(&self, command: Command) -> Result<(), WriteError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().and_then(|queue| queue.send(command).ok()).ok_or(WriteError::Closed)
    }

    /// The state at `at`, made from the state now by undoing what came after.
    async fn range_at(&self, range: Range, at: Revision) -> Result<RangeResult, ReadError> {
        let (now, undo) = {
            let feed = self.shared.feed();
            let now = self.shared.snapshot();
            check_readable(&now, at)?;
            let undo = feed.since(at).map(|events| {
                let touched = events.rev().filter(|event| event.key.starts_with(&range.prefix));
                touched.map(|event| (event.key.clone(), event.old.clone())).collect::<Vec<_>>()
            });
            (Snapshot::clone(&now), undo)
        };
        if let Some(undo) = undo {
            return Ok(undone(now, undo).range(&range));
        }
        let reader = self.reader.clone();
        let read = tokio::task::spawn_blocking(move || {
            let undo = reader.before(&range.prefix, at, now.revision)?;
            Ok(undone(now, undo).range(&range))
        });
        match read.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(DiskError::Compacted { oldest })) => Err(ReadError::Compacted { asked: at, oldest }),
            Ok(Err(error)) => Err(ReadError::Io(error.to_string())),
            Err(_) => Err(ReadError::Io("the store is closing".into())),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Store for Embedded {
    async fn txn(&self, compares: Vec<Compare>, ops: Vec<Op>) -> Result<Outcome, WriteError> {
        if ops.len() > MAX_OPS {
            return Err(WriteError::Io(format!("a transaction may hold at most {MAX_OPS} operations")));
        }
        let permits = admission_kib(&ops);
        let admitted = self.admission.clone().acquire_many_owned(permits).await.map_err(|_| WriteError::Closed)?;
        let (reply, outcome) = oneshot::channel();
        self.send(Command::Txn(Pending { compares, ops, reply, admitted }))?;
        outcome.await.map_err(|_| WriteError::Unknown("the store's writer ended before it answered".into()))?
    }

    async fn range(&self, range: Range) -> Result<RangeResult, ReadError> {
        let now = self.shared.snapshot();
        match range.at {
            Some(at) if at != now.revision => self.range_at(range, at).await,
            _ => Ok(now.range(&range)),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<KeyValue>, ReadError> {
        Ok(self.shared.snapshot().get(key))
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>, WatchError> {
        let watch = watch::EmbeddedWatch::start(self.shared.clone(), self.reader.clone(), prefix, after)?;
        Ok(Box::new(watch))
    }

    async fn compact(&self, revision: Revision) -> Result<(), WriteError> {
        let (reply, done) = oneshot::channel();
        self.send(Command::Compact { revision, reply })?;
        done.await.map_err(|_| WriteError::Unknown("the store's writer ended before it answered".into()))?
    }

    async fn revision(&self) -> Result<Revision, ReadError> {
        Ok(self.shared.snapshot().revision)
    }
}

/// The state with some keys as they were before; of a key that comes twice, the last counts.
fn undone(mut state: Snapshot, undo: impl IntoIterator<Item = (Key, Option<Arc<Entry>>)>) -> Snapshot {
    for (key, old) in undo {
        match old {
            Some(old) => _ = state.map.insert(key, old),
            None => _ = state.map.remove(&key),
        }
    }
    state
}

fn admission_kib(ops: &[Op]) -> u32 {
    let bytes: usize = ops
        .iter()
        .map(|op| match op {
            Op::Put { key, value, .. } => key.len() + value.len(),
            Op::Delete { key } => key.len(),
        })
        .sum();
    // A transaction larger than the whole queue waits until it has the queue for itself.
    u32::try_from(bytes >> 10).unwrap_or(QUEUE_KIB).saturating_add(TXN_KIB).min(QUEUE_KIB)
}

fn check_readable(now: &Snapshot, at: Revision) -> Result<(), ReadError> {
    if at < now.compacted {
        return Err(ReadError::Compacted { asked: at, oldest: now.compacted });
    }
    if at > now.revision {
        return Err(ReadError::Future { asked: at, newest: now.revision });
    }
    Ok(())
}

fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// `store.db` -> `store.db-lock`, as SQLite names its own.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes the folder and the file, private, and locks the store for this process.
fn prepare(path: &Path) -> Result<std::fs::File, OpenError> {
    let io = |error: std::io::Error| OpenError::Io { path: path.to_owned(), detail: error.to_string() };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    }
    // Not the database itself: closing a second handle to it would drop SQLite's own locks.
    let lock_path = beside(path, "-lock");
    let lock = private().create(true).truncate(false).open(&lock_path).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            return Err(OpenError::Locked { path: path.to_owned(), lock: lock_path });
        }
        Err(std::fs::TryLockError::Error(error)) => return Err(io(error)),
    }
    // SQLite gives its -wal file the database's mode.
    drop(private().create(true).truncate(false).open(path).map_err(io)?);
    Ok(lock)
}

fn open_error(path: &Path, error: DiskError) -> OpenError {
    let path = path.to_owned();
    match error {
        DiskError::Sql(error) => {
            let detail = error.to_string();
            match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) | None => {
                    OpenError::Corrupt { path, detail }
                }
                Some(_) => OpenError::Io { path, detail },
            }
        }
        DiskError::Seal(source) => OpenError::Seal { path, source },
        DiskError::Newer(layout) => OpenError::Newer { path, layout },
        DiskError::Foreign(detail) => OpenError::Foreign { path, detail },
        DiskError::Compacted { .. } => OpenError::Corrupt { path, detail: error.to_string() },
    }
}
