//! What clients of a cluster saw while it was hurt, and a checker that says where that contradicts itself.
//!
//! Clients write a line for each thing they see, at once, so that a client that is killed leaves all it saw. The checker
//! knows nothing but these lines: what was acknowledged happened once, everybody saw it in the same order, and it is there
//! in the end.
//!
//! Assumes of the clients
//! - A key (`namespace/name`) has one writer, which does one thing at a time and uses no key again after deleting it.
//! - Each create and update puts its own id into the object, so that what is seen tells whose it is.

mod lines;
mod pauses;
mod streams;
#[cfg(test)]
mod tests;
mod truth;
mod writes;

pub use lines::read;
pub use pauses::{Pause, longest};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Microseconds since 1970, of the one clock that all machines of a test share.
pub type Micros = u64;

/// A state of the store; 0 is none.
pub type Revision = u64;

/// One line of a client's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A write goes out. Without a [`Record::Return`] nobody knows what became of it.
    Call {
        client: String,
        at: Micros,
        op: Op,
        key: String,
        write: String,
    },
    Return {
        write: String,
        at: Micros,
        outcome: Outcome,
    },
    /// A read of one object, or of many (`key` empty, nothing said of what was found).
    Read {
        client: String,
        call: Micros,
        at: Micros,
        key: String,
        answer: Answer,
    },
    /// A watcher begins here, or begins anew because the history after what it saw was gone.
    Listed {
        watcher: String,
        list: List,
    },
    Event {
        watcher: String,
        kind: Kind,
        key: String,
        revision: Revision,
        write: String,
    },
    /// All changes up to there were told.
    Bookmark {
        watcher: String,
        revision: Revision,
    },
    /// The stream ended; the watcher goes on after the last revision it was told.
    Broke {
        watcher: String,
        at: Micros,
        why: String,
    },
    /// The watcher saw the mark that ends the test.
    Ended {
        watcher: String,
    },
    /// What there is in a namespace after everything.
    Final(List),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Create,
    Update,
    Delete,
}

/// What a client knows of its write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It happened at this revision; 0 where the answer does not say (of a delete).
    Done(Revision),
    /// It did not happen and never will.
    Refused(String),
    /// It may have happened, or may still.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Found(Revision),
    Absent,
    /// A list.
    Many,
    Failed(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Added,
    Modified,
    Deleted,
}

/// The objects of a namespace at a revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    pub namespace: String,
    pub revision: Revision,
    /// By key: the object's own revision, and the id of the write that made it so.
    pub items: BTreeMap<String, (Revision, String)>,
}

/// How much was looked at, and what is wrong: nothing, in a good history.
#[derive(Debug, Default)]
pub struct Report {
    pub acknowledged: usize,
    pub refused: usize,
    pub unknown: usize,
    pub reads: usize,
    pub watchers: usize,
    pub events: usize,
    /// Streams that broke and went on.
    pub breaks: usize,
    /// Watchers that had to begin anew.
    pub relists: usize,
    /// In plain words; the same mistake seen by many watchers is many lines.
    pub wrong: Vec<String>,
}

/// Looks at the records of all clients. Those of one client must be in its order; clients may be mixed as one likes.
pub fn check(records: &[Record]) -> Report {
    let mut report = Report::default();
    let writes = writes::Writes::gather(records, &mut report);
    let watchers = streams::gather(records, &mut report);
    let truth = truth::Truth::gather(records, &writes, &mut report);
    truth.check_lives(&writes, &mut report);
    streams::check(&watchers, &truth, &mut report);
    writes.check_deletes(&watchers, &truth, &mut report);
    writes.check_reads(records, &mut report);
    for record in records {
        match record {
            Record::Listed { watcher, list } => truth.check_list(watcher, list, &writes, &mut report),
            Record::Final(list) => truth.check_list("the final list", list, &writes, &mut report),
            _ => {}
        }
    }
    report
}

/// The namespace of a key.
fn namespace(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}
