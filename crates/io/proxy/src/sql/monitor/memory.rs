//! What the monitor remembers of its groups, in a file of the data folder.

use crate::sql::log;
use mysql::monitor::replication::{Group, Memory};
use mysql::settings::Hostgroup;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use stdx::write_atomically;

/// Below the `datadir`. It may be deleted: the rows say who is the writer then, as at the very first start.
const FILE: &str = "writers.json";

type Pair = (Hostgroup, Hostgroup);

pub struct Memories {
    path: PathBuf,
    known: Vec<(Pair, Memory)>,
}

impl Memories {
    /// Those of the process before; `anew` (`--initial`) forgets them.
    pub fn open(datadir: &Path, anew: bool) -> Self {
        let path = datadir.join(FILE);
        let known = match std::fs::read(&path) {
            Ok(_) if anew => Vec::new(),
            Ok(text) => read(&text).unwrap_or_else(|| {
                log::warn(&format!("{} is damaged and left out: {MEANING}", path.display()));
                Vec::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                log::warn(&format!("{}: {error}: {MEANING}", path.display()));
                Vec::new()
            }
        };
        Self { path, known }
    }

    pub fn of(&self, pair: Pair) -> Option<&Memory> {
        self.known.iter().find(|(known, _)| *known == pair).map(|(_, memory)| memory)
    }

    /// Takes in what is so now, and writes it where it changed. A group that knows no writer yet stays as it was.
    pub fn note<'a>(&mut self, groups: impl IntoIterator<Item = &'a Group>) {
        let mut changed = false;
        for group in groups {
            let pair = (group.config().writer_hostgroup, group.config().reader_hostgroup);
            let Some(memory) = group.memory() else { continue };
            if self.of(pair) != Some(&memory) {
                self.known.retain(|(known, _)| *known != pair);
                self.known.push((pair, memory));
                changed = true;
            }
        }
        if !changed {
            return;
        }
        if let Err(error) = write_atomically(&self.path, self.to_json().to_string().as_bytes(), 0o600) {
            log::warn(&format!("{}: {error}: {MEANING}", self.path.display()));
        }
    }

    fn to_json(&self) -> Value {
        let group = |((writer, reader), memory): &(Pair, Memory)| {
            let memory = memory.to_json();
            json!({"writer_hostgroup": writer, "reader_hostgroup": reader, "memory": memory})
        };
        Value::Array(self.known.iter().map(group).collect())
    }
}

/// What follows from a file that is not there.
const MEANING: &str = "after a new start mysql_servers alone says who the writer was";

fn read(text: &[u8]) -> Option<Vec<(Pair, Memory)>> {
    let groups: Vec<Value> = serde_json::from_slice(text).ok()?;
    let hostgroup = |value: &Value| Hostgroup::try_from(value.as_i64()?).ok();
    let group = |value: &Value| {
        let pair = (hostgroup(&value["writer_hostgroup"])?, hostgroup(&value["reader_hostgroup"])?);
        Some((pair, Memory::from_json(&value["memory"])?))
    };
    groups.iter().map(group).collect()
}
