//! The one thread that writes: group commit, expiry, compaction, and what to do when the disk is full.
//!
//! Invariants
//! - The order is: durable, shown to readers and watches, acknowledged. On an error nothing is shown.
//! - Sleeps until there is a command or a key expires; an idle store does nothing.
//! - Upkeep (sweeping what was compacted) goes in small steps between batches.

use super::disk;
use super::space::Space;
use super::state::{Entry, Event, RowId, Shared, Snapshot};
use super::{Options, beside};
use crate::{Compare, Key, Op, Outcome, Revision, Sealer, WriteError, sealer};
use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, ffi};
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Transactions in one commit, at most: bounds what a failed one must do again, and the delay of the first.
const BATCH: usize = 512;
/// Keys that expire in one commit, at most.
const EXPIRE_BATCH: usize = 256;
/// Rows looked at in one step of the sweep (about 2 ms), and how far compaction lags behind before it runs by itself.
const SWEEP_ROWS: usize = 500;
const COMPACT_EVERY: u64 = 1000;
/// How precisely the age of revisions is known: this part of the age to keep.
const MARKS_PER_AGE: u32 = 10;
/// Wait after upkeep failed (disk full or broken), before it is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// A disk with less than this left counts as full, whatever the error was.
const NO_SPACE: u64 = 64 << 10;

pub(super) struct Pending {
    pub compares: Vec<Compare>,
    pub ops: Vec<Op>,
    pub reply: oneshot::Sender<Result<Outcome, WriteError>>,
    /// Held until answered: the place in the queue.
    pub admitted: OwnedSemaphorePermit,
}

pub(super) enum Command {
    Txn(Pending),
    Compact { revision: Revision, reply: oneshot::Sender<Result<(), WriteError>> },
}

/// What woke the thread.
enum Woken {
    Command(Command),
    /// Something is due: an expiry, a step of the sweep, another try.
    Due,
    Closed,
}

/// A transaction on its way through the committer.
struct Txn<'a> {
    compares: &'a [Compare],
    ops: &'a [Op],
}

/// A batch that has been made durable.
struct Written {
    snapshot: Snapshot,
    events: Vec<Event>,
    outcomes: Vec<Result<Outcome, WriteError>>,
}

pub(super) struct Committer {
    connection: Connection,
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    seal: Option<Arc<Sealer>>,
    path: PathBuf,
    keep_revisions: u64,
    keep_age: Duration,
    /// Revisions and when they were the newest, oldest first.
    marks: VecDeque<(Instant, Revision)>,
    expiries: BTreeSet<(u64, Key)>,
    /// Superseded rows are deleted up to here.
    swept: Revision,
    space: Space,
    full: Arc<AtomicBool>,
    /// Upkeep failed: not before this.
    retry_at: Option<Instant>,
    /// Held, and so locked, as long as the thread lives.
    _lock: std::fs::File,
}

impl Committer {
    pub fn new(
        connection: Connection,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
        options: &Options,
        full: Arc<AtomicBool>,
        lock: std::fs::File,
    ) -> Result<Self, rusqlite::Error> {
        let now = shared.snapshot();
        let expiries = now.map.iter().filter_map(|(key, entry)| Some((entry.expires?, key.clone()))).collect();
        Ok(Self {
            swept: disk::swept(&connection)?,
            connection,
            shared,
            commands,
            seal: options.seal.clone(),
            path: options.path.clone(),
            keep_revisions: options.keep_revisions,
            keep_age: options.keep_age,
            marks: VecDeque::from([(Instant::now(), now.revision)]),
            expiries,
            space: Space::new(beside(&options.path, "-reserve"), options.reserve_bytes),
            full,
            retry_at: None,
            _lock: lock,
        })
    }

    /// Runs until the store closes and the queue is empty.
    pub fn run(mut self) {
        loop {
            match self.wait() {
                Woken::Command(first) => self.take_batch(first),
                Woken::Due => {}
                Woken::Closed => break,
            }
            self.retry_at = self.retry_at.filter(|at| *at > Instant::now());
            self.expire();
            self.upkeep();
        }
        self.shared.close();
    }

    fn wait(&self) -> Woken {
        let received = match self.idle_for() {
            None => self.commands.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(Duration::ZERO) => self.commands.try_recv().map_err(|error| match error {
                mpsc::TryRecvError::Empty => mpsc::RecvTimeoutError::Timeout,
                mpsc::TryRecvError::Disconnected => mpsc::RecvTimeoutError::Disconnected,
            }),
            Some(time) => self.commands.recv_timeout(time),
        };
        match received {
            Ok(command) => Woken::Command(command),
            Err(mpsc::RecvTimeoutError::Timeout) => Woken::Due,
            Err(mpsc::RecvTimeoutError::Disconnected) => Woken::Closed,
        }
    }

    /// How long there is nothing to do by itself; `None`: for ever.
    fn idle_for(&self) -> Option<Duration> {
        let sweeping = self.swept < self.shared.snapshot().compacted;
        let expiry = self.expiries.first().map(|(at, _)| until(*at));
        let due = if sweeping { Some(Duration::ZERO) } else { expiry };
        match self.retry_at {
            Some(at) => Some(at.saturating_duration_since(Instant::now())),
            None => due,
        }
    }

    /// Takes what waits behind `first` too, as far as one commit goes.
    fn take_batch(&mut self, first: Command) {
        let mut txns = Vec::new();
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Txn(pending) => txns.push(pending),
                Command::Compact { revision, reply } => {
                    self.commit(std::mem::take(&mut txns));
                    _ = reply.send(self.compact(revision));
                }
            }
            next = if txns.len() < BATCH { self.commands.try_recv().ok() } else { None };
        }
        self.commit(txns);
    }

    fn commit(&mut self, pending: Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        let txns: Vec<Txn<'_>> = pending.iter().map(Pending::txn).collect();
        match self.write(&txns) {
            Ok(written) => {
                self.show(written.snapshot, written.events);
                for (pending, outcome) in pending.into_iter().zip(written.outcomes) {
                    pending.answer(outcome);
                }
            }
            // One transaction too large for the disk must not fail the others.
            Err(_) if pending.len() > 1 => pending.into_iter().for_each(|one| self.commit(vec![one])),
            Err(error) => {
                let error = self.write_error(error);
                pending.into_iter().next().expect("one is left").answer(Err(error));
            }
        }
    }

    /// Runs the transactions one after the other on a copy of the state, in one SQLite transaction.
    fn write(&mut self, txns: &[Txn<'_>]) -> Result<Written, rusqlite::Error> {
        let full = self.is_full();
        let mut batch = Batch {
            connection: &self.connection,
            seal: &self.seal,
            snapshot: Snapshot::clone(&self.shared.snapshot()),
            events: Vec::new(),
            now: unix_seconds(),
        };
        let outcomes = txns
            .iter()
            .map(|txn| match batch.refusal(txn) {
                Some(refused) => Ok(Ok(refused)),
                None if full && txn.grows() => Ok(Err(full_disk(&self.path))),
                None => batch.apply(txn),
            })
            .collect::<Result<Vec<_>, _>>();
        let Batch { snapshot, events, .. } = batch;
        let committed = outcomes.and_then(|outcomes| {
            if !events.is_empty() {
                self.connection.prepare_cached("COMMIT")?.execute([])?;
            }
            Ok(outcomes)
        });
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.prepare_cached("ROLLBACK").and_then(|mut rollback| rollback.execute([]))
        {
            tracing::error!(%error, path = %self.path.display(), "the store could not roll back");
        }
        Ok(Written { snapshot, events, outcomes: committed? })
    }

    /// Shows a durable batch.
    fn show(&mut self, snapshot: Snapshot, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        for event in &events {
            if let Some(expires) = event.old.as_ref().and_then(|old| old.expires) {
                self.expiries.remove(&(expires, event.key.clone()));
            }
            if let Some(expires) = event.new.as_ref().and_then(|new| new.expires) {
                self.expiries.insert((expires, event.key.clone()));
            }
        }
        self.shared.publish(snapshot, events);
    }

    /// Deletes the keys whose time has come, each at its own revision.
    fn expire(&mut self) {
        let now = unix_seconds();
        if self.retry_at.is_some() || self.expiries.first().is_none_or(|(at, _)| *at > now) {
            return;
        }
        let due = self.expiries.iter().take_while(|(at, _)| *at <= now).take(EXPIRE_BATCH);
        let ops: Vec<[Op; 1]> = due.map(|(_, key)| [Op::Delete { key: key.clone() }]).collect();
        let txns: Vec<Txn<'_>> = ops.iter().map(|ops| Txn { compares: &[], ops }).collect();
        match self.write(&txns) {
            Ok(written) => self.show(written.snapshot, written.events),
            Err(error) => self.upkeep_failed("expire keys", error),
        }
    }

    /// Decides on compaction, sweeps one step.
    fn upkeep(&mut self) {
        if self.retry_at.is_some() {
            return;
        }
        let now = self.shared.snapshot();
        if let Some(target) = self.compaction_target(&now)
            && let Err(error) = self.set_compacted(target)
        {
            return self.upkeep_failed("compact", error);
        }
        let compacted = self.shared.snapshot().compacted;
        if self.swept < compacted {
            match disk::sweep(&mut self.connection, self.swept, compacted, SWEEP_ROWS) {
                Ok(swept) => self.swept = swept,
                Err(error) => self.upkeep_failed("sweep", error),
            }
        }
    }

    /// The revision to forget everything before, when enough has gathered: keeps the last `keep_revisions`, and those
    /// younger than `keep_age` up to ten times as many.
    fn compaction_target(&mut self, now: &Snapshot) -> Option<Revision> {
        if self.is_full() {
            // The history's space is needed more than the history.
            return (now.revision > now.compacted).then_some(now.revision);
        }
        if self
            .marks
            .back()
            .is_none_or(|(at, revision)| *revision < now.revision && at.elapsed() >= self.keep_age / MARKS_PER_AGE)
        {
            self.marks.push_back((Instant::now(), now.revision));
        }
        while self.marks.get(1).is_some_and(|(at, _)| at.elapsed() >= self.keep_age) {
            self.marks.pop_front();
        }
        let old_enough = self.marks.front().filter(|(at, _)| at.elapsed() >= self.keep_age).map_or(0, |mark| mark.1);
        let target = now
            .revision
            .saturating_sub(self.keep_revisions)
            .min(old_enough)
            .max(now.revision.saturating_sub(self.keep_revisions.saturating_mul(10)));
        (target >= now.compacted + COMPACT_EVERY.min(self.keep_revisions.max(1))).then_some(target)
    }

    fn compact(&mut self, revision: Revision) -> Result<(), WriteError> {
        let now = self.shared.snapshot();
        if revision <= now.compacted {
            return Ok(());
        }
        self.set_compacted(revision.min(now.revision)).map_err(|error| self.write_error(error))
    }

    fn set_compacted(&mut self, revision: Revision) -> Result<(), rusqlite::Error> {
        disk::set_meta(&self.connection, "compacted", revision)?;
        let now = self.shared.snapshot();
        self.shared.replace(Snapshot { compacted: revision, ..Snapshot::clone(&now) });
        Ok(())
    }

    /// Whether there is no room for puts; notices when there is again.
    fn is_full(&mut self) -> bool {
        let connection = &self.connection;
        let full = !self.space.has_room(|| disk::free_bytes(connection).unwrap_or(0));
        if self.full.swap(full, Ordering::Relaxed) != full {
            match full {
                true => {
                    tracing::error!(path = %self.path.display(), "no space: only deletes are accepted until there is")
                }
                false => tracing::info!(path = %self.path.display(), "the store has space again"),
            }
        }
        full
    }

    /// What to tell the writer; gives up the reserve when the disk turns out to be full.
    fn write_error(&mut self, error: rusqlite::Error) -> WriteError {
        let path = self.path.display();
        let detail = format!("{path}: {error}");
        let code = error.sqlite_error_code();
        if code == Some(ErrorCode::DiskFull)
            || (code == Some(ErrorCode::SystemIoFailure) && self.space.free() < NO_SPACE)
        {
            self.space.give_up();
            if let Err(error) = disk::truncate_wal(&self.connection) {
                tracing::warn!(%path, %error, "the WAL of the store could not be emptied");
            }
            let full = full_disk(&self.path);
            self.is_full();
            return full;
        }
        match error.sqlite_error() {
            // The data is in the file, but perhaps not on the disk: after a crash it may be there or not.
            Some(ffi::Error { extended_code: ffi::SQLITE_IOERR_FSYNC, .. }) => WriteError::Unknown(detail),
            Some(ffi::Error { code: ErrorCode::DatabaseCorrupt, .. }) => {
                WriteError::Io(format!("{detail}. The file is damaged: restore a snapshot"))
            }
            _ => WriteError::Io(detail),
        }
    }

    fn upkeep_failed(&mut self, what: &str, error: rusqlite::Error) {
        let error = self.write_error(error);
        tracing::warn!(%error, "the store could not {what}; will retry");
        self.retry_at = Some(Instant::now() + RETRY);
    }
}

impl Pending {
    fn txn(&self) -> Txn<'_> {
        Txn { compares: &self.compares, ops: &self.ops }
    }

    fn answer(self, outcome: Result<Outcome, WriteError>) {
        // Whoever does not wait any more does not want the answer.
        _ = self.reply.send(outcome);
        drop(self.admitted);
    }
}

impl Txn<'_> {
    /// Whether it needs more space than a deletion.
    fn grows(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Put { .. }))
    }
}

/// A batch being written: each transaction sees those before it.
struct Batch<'a> {
    connection: &'a Connection,
    seal: &'a Option<Arc<Sealer>>,
    snapshot: Snapshot,
    events: Vec<Event>,
    now: u64,
}

impl Batch<'_> {
    /// `Refused` if a compare does not hold.
    fn refusal(&self, txn: &Txn<'_>) -> Option<Outcome> {
        let modified = |key: &Key| self.snapshot.map.get(key).map_or(0, |entry| entry.row.revision());
        let holds = txn.compares.iter().all(|Compare::ModifiedIs(key, revision)| modified(key) == *revision);
        (!holds).then(|| Outcome::Refused {
            revision: self.snapshot.revision,
            current: txn.compares.iter().map(|Compare::ModifiedIs(key, _)| self.snapshot.get(key)).collect(),
        })
    }

    /// The inner result is the transaction's own: the batch can go on without it (nothing of it was written).
    fn apply(&mut self, txn: &Txn<'_>) -> Result<Result<Outcome, WriteError>, rusqlite::Error> {
        let mut stored = Vec::with_capacity(txn.ops.len());
        for op in txn.ops {
            match op {
                Op::Put { key, value, .. } => match sealer::sealed(self.seal, key, value) {
                    Ok(bytes) => stored.push(bytes),
                    Err(error) => return Ok(Err(WriteError::Io(error.to_string()))),
                },
                Op::Delete { .. } => stored.push((&[][..]).into()),
            }
        }
        let revision = self.snapshot.revision + 1;
        for (place, (op, stored)) in txn.ops.iter().zip(&stored).enumerate() {
            let row = RowId::new(revision, place);
            match op {
                Op::Put { key, value, ttl } => self.put(row, key, value, stored, *ttl)?,
                Op::Delete { key } => self.delete(row, key)?,
            }
        }
        Ok(Ok(Outcome::Done { revision: self.snapshot.revision }))
    }

    fn put(
        &mut self,
        row: RowId,
        key: &Key,
        value: &Bytes,
        stored: &[u8],
        ttl: Option<Duration>,
    ) -> Result<(), rusqlite::Error> {
        let existing = self.snapshot.map.get_key_value(key).map(|(key, entry)| (key.clone(), entry.clone()));
        // One allocation of a name for all its versions.
        let (key, old) = existing.map_or_else(|| (key.clone(), None), |(key, old)| (key, Some(old)));
        let new = Entry {
            row,
            created: old.as_ref().map_or(row.revision(), |old| old.created),
            // Rounded up to whole seconds, so that many expire in one commit.
            expires: ttl.map(|ttl| self.now + ttl.as_secs() + 1),
            // Its own allocation: the caller's may be a piece of something much larger.
            value: Bytes::copy_from_slice(value),
        };
        self.write(row, &key, Some((&new, stored)), old.as_deref())?;
        let new = Arc::new(new);
        self.snapshot.map.insert(key.clone(), new.clone());
        self.events.push(Event { revision: row.revision(), key, new: Some(new), old });
        Ok(())
    }

    fn delete(&mut self, row: RowId, key: &Key) -> Result<(), rusqlite::Error> {
        let Some((key, old)) = self.snapshot.map.remove_with_key(key) else { return Ok(()) };
        self.write(row, &key, None, Some(&old))?;
        self.events.push(Event { revision: row.revision(), key, new: None, old: Some(old) });
        Ok(())
    }

    fn write(
        &mut self,
        row: RowId,
        key: &str,
        new: Option<(&Entry, &[u8])>,
        old: Option<&Entry>,
    ) -> Result<(), rusqlite::Error> {
        if self.events.is_empty() {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        disk::append(self.connection, row, key, new, old.map(|old| old.row))?;
        self.snapshot.revision = row.revision();
        Ok(())
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Time until the given second begins.
fn until(second: u64) -> Duration {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO)
}

fn full_disk(path: &Path) -> WriteError {
    WriteError::Full(format!("{}. Free space on its disk; writing resumes by itself", path.display()))
}
