//! The log in SQLite: one row a change, appended at the end of one table without other indexes.
//!
//! A row's id is `revision << 16 | place in the transaction`, so the log is in revision order, a small transaction
//! changes one page (4 KiB) of the WAL, and `previous` leads from a row to the one it superseded.
//!
//! Invariants
//! - A row is deleted only when a row at or below the compacted revision supersedes it, or when it is itself a
//!   deletion there. So all that is needed to read any revision from `compacted` on is kept.
//! - One connection writes (the committer's thread); one more reads the past. Both see whole transactions only.

use super::state::{Entry, RowId, Snapshot};
use crate::sealer::{SealError, Sealer, unsealed};
use crate::{Change, Key, Revision};
use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// `PRAGMA user_version` of this layout.
const LAYOUT: i64 = 1;
/// Pages (4 KiB) in the WAL before they are moved into the database: 4 MiB, so that an idle cluster does it rarely. Must
/// fit into the reserve for a full disk.
const CHECKPOINT_PAGES: i64 = 1024;
/// The WAL has this length from the start: a commit that overwrites changes pages of the file only, where one that makes
/// it longer changes the file system's maps too. 500 commits of one page, two hours of an idle cluster; what comes behind
/// is appended, and overwritten from the second round on.
const WAL_BYTES: u64 = 2 << 20;
/// Written at once, so that the kernel caches and writes back the WAL in small pieces, not in one large one a commit.
const PAGE: usize = 4096;
/// Changes and bytes of one part of the history, roughly.
const PAGE_CHANGES: usize = 1000;
const PAGE_BYTES: usize = 4 << 20;

/// `value` is last: the other columns are read without walking through it.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    created INTEGER NOT NULL,
    previous INTEGER,
    expires INTEGER,
    value BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('compacted', 0), ('swept', 0);
";

#[derive(Debug, thiserror::Error)]
pub(super) enum DiskError {
    #[error("compacted up to {oldest}")]
    Compacted { oldest: Revision },
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("made by a newer version (layout {0})")]
    Newer(i64),
    #[error("not a store: {0}")]
    Foreign(String),
}

type Seal = Option<Arc<Sealer>>;

/// Opens for writing; makes the tables where there are none.
pub(super) fn open(path: &Path) -> Result<Connection, DiskError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let layout: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if layout > LAYOUT {
        return Err(DiskError::Newer(layout));
    }
    if layout == 0 {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 {
            return Err(DiskError::Foreign("it holds other tables".into()));
        }
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(DiskError::Foreign(format!("its journal mode is {mode}, and could not be changed to wal")));
    }
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA journal_size_limit = {}; PRAGMA cache_size = -2048;",
        2 * CHECKPOINT_PAGES * 4096
    ))?;
    if layout == 0 {
        connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {LAYOUT}; COMMIT;"))?;
    }
    let wal = super::beside(path, "-wal");
    if let Err(error) = lengthen(&wal) {
        tracing::debug!(wal = %wal.display(), %error, "the WAL grows commit by commit: there is no room to make it longer now");
    }
    Ok(connection)
}

/// Makes the WAL [`WAL_BYTES`] long. SQLite takes zeros behind its last frame, or in place of a header, for the end.
fn lengthen(wal: &Path) -> std::io::Result<()> {
    // No lock of SQLite's is on this file, so that closing our handle drops none.
    let mut file = File::options().append(true).open(wal)?;
    let before = file.metadata()?.len();
    let missing = WAL_BYTES.saturating_sub(before) as usize;
    let written = vec![0; missing].chunks(PAGE).try_for_each(|page| file.write_all(page));
    if written.is_err() {
        file.set_len(before)?;
    }
    written.and_then(|()| file.sync_all())
}

/// SQLite's file layer for one process: the WAL's index lies in memory, not in a mapped file beside the database, which
/// an idle store would write to the disk again and again; other processes are kept out. See
/// <https://www.sqlite.org/vfs.html>.
const ONE_PROCESS: &str = "unix-excl";

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(path, flags, ONE_PROCESS)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection
        .execute_batch("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

fn meta(connection: &Connection, name: &str) -> Result<Revision, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    statement.query_row([name], |row| row.get::<_, i64>(0)).map(|value| value as Revision)
}

pub(super) fn set_meta(connection: &Connection, name: &str, value: Revision) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?.execute(params![name, value as i64])?;
    Ok(())
}

/// The revision up to which superseded rows are deleted.
pub(super) fn swept(connection: &Connection) -> Result<Revision, rusqlite::Error> {
    meta(connection, "swept")
}

/// Replays the log into the current state.
pub(super) fn load(connection: &Connection, seal: &Seal) -> Result<Snapshot, DiskError> {
    let compacted = meta(connection, "compacted")?;
    let mut revision = compacted;
    let mut live: BTreeMap<Key, Entry> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT id, key, created, expires, value FROM log ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = RowId(row.get(0)?);
        revision = revision.max(id.revision());
        let key = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        match entry(row, id, 2)? {
            Some(entry) => _ = live.insert(key.into(), entry),
            None => _ = live.remove(key),
        }
    }
    let mut map = imbl::OrdMap::new();
    for (key, mut entry) in live {
        entry.value = unseal(seal, &key, &entry.value)?;
        map.insert(key, Arc::new(entry));
    }
    Ok(Snapshot { map, revision, compacted })
}

/// The entry in the columns `created, expires, value` from `first` on, its value as stored; `None` for a deletion.
fn entry(row: &Row<'_>, id: RowId, first: usize) -> Result<Option<Entry>, rusqlite::Error> {
    let ValueRef::Blob(value) = row.get_ref(first + 2)? else { return Ok(None) };
    Ok(Some(Entry {
        row: id,
        created: row.get::<_, i64>(first)? as Revision,
        expires: row.get::<_, Option<i64>>(first + 1)?.map(|seconds| seconds as u64),
        value: Bytes::copy_from_slice(value),
    }))
}

fn unseal(seal: &Seal, key: &str, stored: &Bytes) -> Result<Bytes, SealError> {
    unsealed(seal, key, stored.clone())
}

/// Appends a change. `stored` is the value as [`crate::sealer::sealed`] gave it.
pub(super) fn append(
    connection: &Connection,
    id: RowId,
    key: &str,
    new: Option<(&Entry, &[u8])>,
    previous: Option<RowId>,
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO log (id, key, created, previous, expires, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let created = new.map_or(0, |(entry, _)| entry.created as i64);
    let expires = new.and_then(|(entry, _)| entry.expires).map(|seconds| seconds as i64);
    statement.execute(params![id.0, key, created, previous.map(|id| id.0), expires, new.map(|(_, stored)| stored)])?;
    Ok(())
}

/// Deletes what the compaction to `compacted` made superfluous, from the revision after `swept` on, about `rows` rows.
/// Returns the revision swept to. Runs in its own transaction.
pub(super) fn sweep(
    connection: &mut Connection,
    swept: Revision,
    compacted: Revision,
    rows: usize,
) -> Result<Revision, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut last = compacted;
    {
        let mut select = transaction
            .prepare_cached("SELECT id, previous, value IS NULL FROM log WHERE id >= ?1 AND id < ?2 ORDER BY id")?;
        let from = RowId::new(swept + 1, 0);
        let mut doomed: Vec<i64> = Vec::new();
        let mut found = select.query([from.0, RowId::new(compacted + 1, 0).0])?;
        let mut seen = 0;
        let mut current = swept;
        while let Some(row) = found.next()? {
            let id = RowId(row.get(0)?);
            if seen >= rows && id.revision() != current {
                last = current;
                break;
            }
            current = id.revision();
            seen += 1;
            doomed.extend(row.get::<_, Option<i64>>(1)?);
            doomed.extend(row.get::<_, bool>(2)?.then_some(id.0));
        }
        drop(found);
        doomed.sort_unstable();
        let mut delete = transaction.prepare_cached("DELETE FROM log WHERE id = ?1")?;
        for id in doomed {
            delete.execute([id])?;
        }
    }
    set_meta(&transaction, "swept", last)?;
    transaction.commit()?;
    Ok(last)
}

/// Bytes inside the database file that new rows can take.
pub(super) fn free_bytes(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let pages: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    Ok(pages as u64 * 4096)
}

/// Changes of whole transactions, up to revision `upto`.
pub(super) struct HistoryPage {
    pub changes: Vec<Change>,
    pub upto: Revision,
}

/// Reads the past. Blocking: call it on a blocking thread.
pub(super) struct Reader {
    connection: Mutex<Connection>,
    seal: Seal,
}

impl Reader {
    pub fn open(path: &Path, seal: Seal) -> Result<Self, DiskError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -512;")?;
        Ok(Self { connection: Mutex::new(connection), seal })
    }

    /// Runs `read` in one transaction, if nothing after `oldest` has been compacted away.
    fn consistent<T>(
        &self,
        oldest: Revision,
        read: impl FnOnce(&Connection) -> Result<T, DiskError>,
    ) -> Result<T, DiskError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        let compacted = meta(&transaction, "compacted")?;
        if oldest < compacted {
            return Err(DiskError::Compacted { oldest: compacted });
        }
        read(&transaction)
    }

    /// The changes under `prefix` of the revisions `after + 1 ..= upto`, or the first part of them.
    pub fn history(&self, prefix: &str, after: Revision, upto: Revision) -> Result<HistoryPage, DiskError> {
        self.consistent(after, |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT log.id, log.key, log.value, old.value FROM log LEFT JOIN log AS old ON old.id = log.previous
                 WHERE log.id >= ?1 AND log.id < ?2 AND instr(log.key, ?3) = 1 ORDER BY log.id",
            )?;
            let mut rows = statement.query(params![RowId::new(after + 1, 0).0, RowId::new(upto + 1, 0).0, prefix])?;
            let mut changes: Vec<Change> = Vec::new();
            let mut bytes = 0;
            while let Some(row) = rows.next()? {
                let revision = RowId(row.get(0)?).revision();
                let last = changes.last().map_or(after, |change| change.revision);
                if revision != last && (changes.len() >= PAGE_CHANGES || bytes >= PAGE_BYTES) {
                    return Ok(HistoryPage { changes, upto: last });
                }
                let key: Key = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?.into();
                let value = self.value(&key, row.get_ref(2)?)?;
                let previous = self.value(&key, row.get_ref(3)?)?;
                bytes += value.as_ref().map_or(0, Bytes::len) + previous.as_ref().map_or(0, Bytes::len);
                changes.push(Change { revision, key, value, previous });
            }
            Ok(HistoryPage { changes, upto })
        })
    }

    fn value(&self, key: &str, stored: ValueRef<'_>) -> Result<Option<Bytes>, DiskError> {
        let ValueRef::Blob(stored) = stored else { return Ok(None) };
        Ok(Some(unseal(&self.seal, key, &Bytes::copy_from_slice(stored))?))
    }

    /// The state at `at` of the keys under `prefix` that changed in `at + 1 ..= upto`; `None`: did not exist.
    pub fn before(
        &self,
        prefix: &str,
        at: Revision,
        upto: Revision,
    ) -> Result<HashMap<Key, Option<Arc<Entry>>>, DiskError> {
        self.consistent(at, |connection| {
            let mut changed = connection.prepare_cached(
                "SELECT id, key, previous FROM log WHERE id >= ?1 AND id < ?2 AND instr(key, ?3) = 1 ORDER BY id",
            )?;
            let mut lookup = connection.prepare_cached("SELECT created, expires, value FROM log WHERE id = ?1")?;
            let mut rows = changed.query(params![RowId::new(at + 1, 0).0, RowId::new(upto + 1, 0).0, prefix])?;
            let mut states = HashMap::new();
            while let Some(row) = rows.next()? {
                let key = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
                if states.contains_key(key) {
                    continue;
                }
                let key: Key = key.into();
                let previous = row.get::<_, Option<i64>>(2)?.map(RowId);
                let old = match previous {
                    Some(id) => lookup.query_row([id.0], |row| entry(row, id, 0)).optional()?.flatten(),
                    None => None,
                };
                let old = match old {
                    Some(old) => Some(Arc::new(Entry { value: unseal(&self.seal, &key, &old.value)?, ..old })),
                    None => None,
                };
                states.insert(key, old);
            }
            Ok(states)
        })
    }
}

/// Writes a copy of the whole store, as it is now, to `to` (which must be empty), on a connection of its own.
pub(super) fn copy(path: &Path, to: &Path) -> Result<(), DiskError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

/// Moves the WAL into the database and gives its space back, as far as there is room to.
pub(super) fn truncate_wal(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
