//! Copies of statements for another hostgroup: sent aside, answers thrown away. A client never waits for one, and never
//! hears of one that fails.
//!
//! What only makes sense in its own session (transactions, locks, variables) is not copied. One that is not provably a read
//! never goes to a reader hostgroup, nor in its place to the writer, which would perform it twice.

use super::client::ready::bring;
use super::server::acquire::{Wanted, acquire};
use super::server::connect::Credentials;
use super::server::relay::{Ended, Relay};
use super::worker::Worker;
use mysql::protocol::answer::Expect;
use mysql::protocol::command::Command;
use mysql::protocol::packet;
use mysql::protocol::reply::status;
use mysql::session::State;
use mysql::settings::Hostgroup;
use mysql::statement::Effects;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of statements that wait in one worker, at most.
const QUEUE_BYTES: usize = 32 << 20;

/// A statement to be sent.
pub struct Copied {
    pub hostgroup: Hostgroup,
    pub credentials: Credentials,
    pub state: Rc<State>,
    pub sql: Vec<u8>,
}

/// Of one worker.
#[derive(Default)]
pub struct Mirrors {
    queue: RefCell<VecDeque<Copied>>,
    bytes: Cell<usize>,
    running: Cell<u32>,
}

/// Effects that leave nothing behind on a connection, and need nothing from before.
const ALONE: Effects = Effects::VOLATILE
    .union(Effects::IMPLICIT_COMMIT)
    .union(Effects::DEFINES)
    .union(Effects::CHANGES_USERS)
    .union(Effects::SEQUENCE);

/// Whether a statement means the same on a connection of its own.
pub fn stands_alone(effects: Effects) -> bool {
    effects.without(ALONE).is_empty()
}

/// Has it sent soon, or drops it where too many wait.
pub fn send(worker: &Rc<Worker>, copied: Copied) {
    let (mirrors, stats) = (&worker.mirrors, &worker.shared.stats);
    let (limit, length) = {
        let tuning = worker.shared.tuning.load();
        (worker.share.of(tuning.mirror_max_concurrency), worker.share.of(tuning.mirror_max_queue_length))
    };
    let bytes = mirrors.bytes.get() + copied.sql.len();
    let waiting = mirrors.queue.borrow().len();
    if waiting >= length as usize || bytes > QUEUE_BYTES {
        stats.mirrors_dropped.fetch_add(1, Relaxed);
        return;
    }
    mirrors.bytes.set(bytes);
    mirrors.queue.borrow_mut().push_back(copied);
    if mirrors.running.get() < limit {
        mirrors.running.set(mirrors.running.get() + 1);
        tokio::task::spawn_local(run(worker.clone()));
    }
}

/// Sends what waits, one after the other, until nothing does.
async fn run(worker: Rc<Worker>) {
    loop {
        let Some(copied) = worker.mirrors.queue.borrow_mut().pop_front() else { break };
        worker.mirrors.bytes.set(worker.mirrors.bytes.get() - copied.sql.len());
        let stats = &worker.shared.stats;
        let counter = if perform(&worker, &copied).await { &stats.mirrors_sent } else { &stats.mirrors_failed };
        counter.fetch_add(1, Relaxed);
    }
    worker.mirrors.running.set(worker.mirrors.running.get() - 1);
}

async fn perform(worker: &Rc<Worker>, copied: &Copied) -> bool {
    let wanted = Wanted {
        hostgroup: copied.hostgroup,
        fallback: None,
        credentials: &copied.credentials,
        state: &copied.state,
        not: None,
    };
    let Ok(mut connection) = acquire(worker, wanted).await else { return false };
    let server = connection.server.clone();
    let answered = async {
        bring(&mut connection, &copied.state).await.ok()?;
        let mut payload = Vec::with_capacity(1 + copied.sql.len());
        payload.push(Command::Query as u8);
        payload.extend_from_slice(&copied.sql);
        packet::frame(connection.wire.outbox(), 0, &payload);
        connection.wire.flush().await.ok()?;
        server.counters.queries.fetch_add(1, Relaxed);
        let mut relay = Relay::new(Expect::Results, &connection);
        let ended = relay.run(&mut connection, &mut None).await.ok()?;
        (ended == Ended::Answered).then_some(relay.heard)
    }
    .await;
    let Some(heard) = answered else {
        drop(connection);
        worker.pool.ended(&server);
        return false;
    };
    let clean = heard.error.is_none()
        && !heard.state
        && heard.variables.is_empty()
        && heard.schema.is_none()
        && heard.status & status::IN_TRANSACTION == 0
        && heard.status & status::AUTOCOMMIT != 0;
    if clean {
        connection.warned |= heard.warnings > 0;
        if heard.last_insert_id != 0 {
            connection.insert_id = heard.last_insert_id;
        }
        worker.pool.put(connection);
    } else {
        drop(connection);
        worker.pool.ended(&server);
    }
    heard.error.is_none()
}
