//! State that can be replayed: schema and session variables, as servers tell their changes.
//!
//! Source: MariaDB Knowledge Base, `session_track_system_variables`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// What a session has set, beyond what a fresh connection is. Equal states need nothing done to change between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub schema: Vec<u8>,
    variables: BTreeMap<Box<str>, Box<str>>,
    /// Of both; equal states have equal ones.
    fingerprint: u64,
}

/// What a change of a variable means to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It is part of the state now, and can be replayed.
    Kept,
    /// It says nothing about the session: follows from something else.
    Nothing,
    /// Nobody can carry it over to another connection.
    Opaque,
}

/// Names whose changes follow from something else: from the schema, the status flags, the last statement.
const FOLLOWS: [&str; 5] =
    ["character_set_database", "collation_database", "autocommit", "last_gtid", "session_track_transaction_info"];

/// Names that are for one statement or one connection only.
const ONE_SHOT: [&str; 9] = [
    "insert_id",
    "last_insert_id",
    "identity",
    "rand_seed1",
    "rand_seed2",
    "pseudo_thread_id",
    "gtid_seq_no",
    "default_master_connection",
    // MariaDB tells a stale value when it is set back to DEFAULT.
    "timestamp",
];

/// What is to be sent so that a connection's state becomes a session's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// For COM_INIT_DB.
    pub schema: Option<Vec<u8>>,
    /// One SET statement.
    pub set: Option<String>,
}

impl State {
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub fn set_schema(&mut self, name: &[u8]) {
        self.schema = name.to_vec();
        self.note();
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| &**value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Takes in what a server told.
    pub fn heard(&mut self, name: &[u8], value: &[u8]) -> Meaning {
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
            return Meaning::Opaque;
        };
        if FOLLOWS.contains(&name) {
            return Meaning::Nothing;
        }
        if ONE_SHOT.contains(&name) || name.starts_with("session_track_") || !can_be_written(value) {
            return Meaning::Opaque;
        }
        if name == "character_set_connection" {
            // It takes its default collation along, which MariaDB does not tell.
            self.variables.remove("collation_connection");
        }
        self.variables.insert(name.into(), value.into());
        self.note();
        Meaning::Kept
    }

    /// What turns a connection of state `from` into this; `None` where that cannot be said in a statement.
    pub fn changes_from(&self, from: &State) -> Option<Changes> {
        let mut changes = Changes::default();
        if self.schema != from.schema {
            if self.schema.is_empty() {
                return None;
            }
            changes.schema = Some(self.schema.clone());
        }
        let mut parts = Vec::new();
        // A connection whose literals are wide takes no name of them.
        let introducer = if from.is_wide() { "_latin1" } else { "" };
        for name in from.variables.keys().filter(|name| !self.variables.contains_key(*name)) {
            if is_of_login(name) {
                return None;
            }
            parts.push(format!("{name}=DEFAULT"));
        }
        for (name, value) in self.variables.iter().filter(|(name, value)| from.variables.get(*name) != Some(value)) {
            parts.push(format!("{name}={}", written(name, value, introducer)));
        }
        if !parts.is_empty() {
            changes.set = Some(format!("SET {}", parts.join(",")));
        }
        Some(changes)
    }

    /// Literals are in a character set whose letters have no ASCII in them.
    fn is_wide(&self) -> bool {
        let set = self.get("character_set_connection").or_else(|| self.get("collation_connection")).unwrap_or_default();
        ["ucs2", "utf16", "utf32"].iter().any(|wide| set.starts_with(wide))
    }

    fn note(&mut self) {
        self.fingerprint = BuildHasherDefault::<DefaultHasher>::default().hash_one((&self.schema, &self.variables));
    }
}

/// Set by the log-in, not by a global variable: DEFAULT would not restore it.
fn is_of_login(name: &str) -> bool {
    name.starts_with("character_set_") || name.starts_with("collation_")
}

/// Nothing in it would need quoting, whatever the session's sql_mode says of backslashes.
fn can_be_written(value: &str) -> bool {
    value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'\'' && byte != b'\\')
}

fn written(name: &str, value: &str, introducer: &str) -> String {
    if value.is_empty() && name.starts_with("character_set_") {
        return "NULL".to_owned();
    }
    let number = !value.is_empty() && value.parse::<f64>().is_ok() && !value.contains(['n', 'N', 'i', 'I']);
    if number { value.to_owned() } else { format!("{introducer}'{value}'") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn a_session_is_carried_over() {
        check(
            "sql_mode=STRICT_TRANS_TABLES time_zone=+01:00",
            "",
            expect!["SET sql_mode='STRICT_TRANS_TABLES',time_zone='+01:00'"],
        );
        check(
            "wait_timeout=33 long_query_time=1.5 foreign_key_checks=OFF",
            "wait_timeout=33",
            expect!["SET foreign_key_checks='OFF',long_query_time=1.5"],
        );
        check("", "sql_mode= group_concat_max_len=5", expect!["SET group_concat_max_len=DEFAULT,sql_mode=DEFAULT"]);
        check("character_set_results=", "", expect!["SET character_set_results=NULL"]);
        check("sql_mode=", "sql_mode=", expect!["nothing"]);
        check("", "character_set_client=latin1", expect!["another connection"]);
        check(
            "character_set_connection=ucs2 sql_mode=ANSI",
            "character_set_connection=ucs2",
            expect!["SET sql_mode=_latin1'ANSI'"],
        );
    }

    #[test]
    fn what_cannot_be_replayed_is_told() {
        let mut state = State::default();
        assert_eq!(state.heard(b"insert_id", b"5"), Meaning::Opaque);
        assert_eq!(state.heard(b"last_gtid", b"0-1-5"), Meaning::Nothing);
        assert_eq!(state.heard(b"init", b"it's"), Meaning::Opaque);
        assert_eq!(state, State::default());
    }

    #[track_caller]
    fn check(wanted: &str, from: &str, expected: Expect) {
        let changes = state(wanted).changes_from(&state(from));
        let text = match changes {
            None => "another connection".to_owned(),
            Some(changes) => changes.set.unwrap_or_else(|| "nothing".to_owned()),
        };
        expected.assert_eq(&text);
    }

    fn state(text: &str) -> State {
        let mut state = State::default();
        for (name, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
            state.heard(name.as_bytes(), value.as_bytes());
        }
        state
    }
}
