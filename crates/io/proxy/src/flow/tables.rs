//! Stick tables of the running configuration, and the entries that a stream tracks.

use super::Flow;
use crate::backend::Backend;
use crate::engine::Running;
use crate::server::Server;
use crate::wheel::Ms;
use balance::rules::StickKind;
use balance::sample::context::{Connection, Counter, Endpoint, Entry, TableNumber, Touch};
use balance::sample::{Context, Side, Value};
use balance::stick::{EntryId, Key, Table};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A table that all workers share.
pub type SharedTable = Arc<Mutex<Table>>;

/// Slots of `track-sc0` to `track-sc2`.
const SLOTS: usize = 3;

/// Expired entries that each access removes, at most: so tables clean themselves and nobody waits for long.
const PURGED: usize = 8;

/// An entry that a stream or a connection counts in, until it is dropped.
#[derive(Debug)]
struct TrackedEntry {
    table: SharedTable,
    id: EntryId,
    /// The engine's time when it was last counted in: an entry ends its count no earlier.
    last: std::cell::Cell<Ms>,
}

impl Drop for TrackedEntry {
    fn drop(&mut self) {
        lock(&self.table).release(self.id, self.last.get());
    }
}

/// Entries that a stream or a connection counts in, by slot.
#[derive(Debug, Default)]
pub struct Tracked([Option<TrackedEntry>; SLOTS]);

impl Tracked {
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Does something with each entry.
    pub fn each(&self, now: Ms, act: impl Fn(&mut Table, EntryId)) {
        for entry in self.0.iter().flatten() {
            entry.last.set(now);
            act(&mut lock(&entry.table), entry.id);
        }
    }
}

/// The lock of a table; what a panic left is still a table.
pub fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flow<'_> {
    fn running(&self) -> Arc<Running> {
        self.live.worker().engine.running()
    }

    /// The table of this name; without one, that of the section whose rules run.
    fn table(&self, name: Option<&str>) -> Option<SharedTable> {
        let own = self.backend.as_ref().map_or(self.admitted.frontend.name.as_str(), |backend| backend.name.as_str());
        self.running().tables.get(name.unwrap_or(own)).cloned()
    }

    /// `track-sc`: unless the slot is taken, by this stream or its connection.
    pub(super) fn track(&mut self, slot: u8, table: &str, value: &Value<'_>) {
        let now = self.live.worker().now();
        let slot = usize::from(slot);
        let taken = |tracked: &Tracked| tracked.0.get(slot).is_none_or(Option::is_some);
        if taken(&self.tracked.borrow()) || taken(&self.conversation.tracked.borrow()) {
            return;
        }
        let Some(shared) = self.table(Some(table)) else { return };
        let mut table = lock(&shared);
        let Some(key) = table.config().keys.key(value) else { return };
        table.purge(now, PURGED);
        let Some(id) = table.track(key, now, self.request.is_some()) else { return };
        drop(table);
        let entry = TrackedEntry { table: shared, id, last: std::cell::Cell::new(now) };
        let of = if self.of_connection { &self.conversation.tracked } else { &self.tracked };
        of.borrow_mut().0[slot] = Some(entry);
    }

    pub(super) fn set_gpt(&mut self, slot: u8, index: Option<u8>, value: u32) {
        let counter = index.map_or(Counter::Gpt0, Counter::Gpt);
        let now = self.live.worker().now();
        self.with_tracked(slot, |table, id| table.set(id, counter, u64::from(value), now));
    }

    /// Does something with all entries that the stream and its connection track.
    pub fn each_tracked(&self, act: impl Fn(&mut Table, EntryId)) {
        let (own, connection) = (self.tracked.borrow(), self.conversation.tracked.borrow());
        if own.is_empty() && connection.is_empty() {
            return;
        }
        let now = self.live.worker().now();
        connection.each(now, &act);
        own.each(now, &act);
    }

    fn with_tracked<T>(&self, slot: u8, act: impl FnOnce(&mut Table, EntryId) -> T) -> Option<T> {
        let (own, connection) = (self.tracked.borrow(), self.conversation.tracked.borrow());
        let find = |tracked: &Tracked| {
            tracked.0.get(usize::from(slot)).and_then(Option::as_ref).map(|entry| (entry.table.clone(), entry.id))
        };
        let (table, id) = find(&own).or_else(|| find(&connection))?;
        Some(act(&mut lock(&table), id))
    }

    pub(super) fn number_of_table(&self, what: TableNumber, table: Option<&str>) -> Option<i64> {
        let table = self.table(table)?;
        let table = lock(&table);
        Some(match what {
            TableNumber::Count => table.len() as i64,
            TableNumber::Avail => table.config().size.saturating_sub(table.len()) as i64,
        })
    }

    pub(super) fn table_counter(
        &self,
        entry: Entry<'_>,
        table: Option<&str>,
        what: Counter,
        touch: Touch,
    ) -> Option<i64> {
        let now = self.live.worker().now();
        match entry {
            Entry::Tracked(slot) if table.is_none() => {
                self.with_tracked(slot, |table, id| count(table, id, what, touch, now))?
            }
            // The key of what is tracked, in another table.
            Entry::Tracked(slot) => {
                let key = self.with_tracked(slot, |table, id| table.key(id).clone())?;
                self.counter_of(key, table, what, touch)
            }
            Entry::Source => {
                let source = address(self.connection(Side::Client)?)?;
                let key = lock(&*self.table(table)?).config().keys.key(&Value::Ip(source))?;
                self.counter_of(key, table, what, touch)
            }
            Entry::Key(value) => {
                let key = lock(&*self.table(table)?).config().keys.key(value)?;
                self.counter_of(key, table, what, touch)
            }
        }
    }

    fn counter_of(&self, key: Key, table: Option<&str>, what: Counter, touch: Touch) -> Option<i64> {
        let now = self.live.worker().now();
        let shared = self.table(table)?;
        let mut table = lock(&shared);
        let id = match touch {
            Touch::Increment => {
                table.purge(now, PURGED);
                table.find_or_add(key, now)?
            }
            Touch::Read | Touch::Clear => table.find(&key, now)?,
        };
        count(&mut table, id, what, touch, now)
    }

    /// The server that a stick table remembers for this stream.
    pub(crate) fn stuck_server(&self, backend: &Backend) -> Option<Arc<Server>> {
        let program = self.programs.inner().clone();
        let now = self.live.worker().now();
        program.stick.iter().filter(|rule| rule.kind.matches()).find_map(|rule| {
            let shared = self.table(Some(rule.table.as_deref().unwrap_or(&backend.name)))?;
            // Before the lock: what finds the key may look into the same table.
            let value = rule.key(self)?;
            let mut table = lock(&shared);
            let key = table.config().keys.key(&value)?;
            let id = table.find(&key, now)?;
            table.touch(id, now);
            let (number, name) = table.server(id, now)?;
            let servers = backend.servers.load();
            let by_name = name.and_then(|name| servers.iter().find(|server| *server.name == *name).cloned());
            by_name.or_else(|| servers.iter().find(|server| server.id == number).cloned())
        })
    }

    /// Remembers a server under the keys that the rules of this kind find.
    pub(crate) fn store_stuck(&self, backend: &Backend, server: &Server, response: bool) {
        let now = self.live.worker().now();
        let program = self.programs.inner().clone();
        if server.config.load().non_stick {
            return;
        }
        let wanted = |kind: StickKind| if response { kind == StickKind::StoreResponse } else { kind.stores_request() };
        for rule in program.stick.iter().filter(|rule| wanted(rule.kind)) {
            let Some(shared) = self.table(Some(rule.table.as_deref().unwrap_or(&backend.name))) else { continue };
            let Some(value) = rule.key(self) else { continue };
            let mut table = lock(&shared);
            table.purge(now, PURGED);
            let Some(key) = table.config().keys.key(&value) else { continue };
            if let Some(id) = table.find_or_add(key, now) {
                table.set_server(id, server.id, &Arc::from(server.name.as_str()), now);
            }
        }
    }
}

fn count(table: &mut Table, id: EntryId, what: Counter, touch: Touch, now: Ms) -> Option<i64> {
    match touch {
        Touch::Read => table.value(id, what, now),
        Touch::Increment => table.increment(id, what, now),
        Touch::Clear => table.clear(id, what, now),
    }
}

fn address(connection: &Connection) -> Option<std::net::IpAddr> {
    connection.source.and_then(Endpoint::ip)
}
