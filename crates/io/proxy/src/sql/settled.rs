//! SET statements that were performed before, and what they changed: an application sends the same few at each
//! connection, and need not wait for a server to hear the same again.
//!
//! Only what depends on nothing but its own text is kept: literals, set for the session, told by the server.

use super::server::relay::Heard;
use mysql::statement::{Effects, Statement};
use std::collections::HashMap;
use std::rc::Rc;

/// Texts that are kept; when there are more, all are learnt anew.
const TEXTS: usize = 256;

/// Longer texts are rare enough to be asked about.
const LONGEST: usize = 512;

#[derive(Default)]
pub struct Settled {
    known: HashMap<Box<[u8]>, Rc<Change>>,
}

/// What a text changes.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    pub variables: Vec<(Vec<u8>, Vec<u8>)>,
    /// Named in the text, where the server does not tell it.
    pub collation: Option<String>,
    /// Flags of sql_mode.
    pub status: u16,
}

impl Settled {
    pub fn find(&self, sql: &[u8]) -> Option<Rc<Change>> {
        self.known.get(sql).cloned()
    }

    /// Keeps what `sql` did, if it would do the same anywhere.
    pub fn learn(&mut self, sql: &[u8], statement: &Statement, heard: &Heard, collation: Option<String>) {
        let told =
            heard.error.is_none() && heard.warnings == 0 && !heard.variables.is_empty() && heard.schema.is_none();
        if !told || !is_settled_by_text(sql, statement) {
            return;
        }
        if self.known.len() >= TEXTS {
            self.known.clear();
        }
        let change = Change { variables: heard.variables.clone(), collation, status: heard.status };
        self.known.insert(sql.into(), Rc::new(change));
    }

    pub fn clear(&mut self) {
        self.known.clear();
    }
}

/// One SET of session variables to literals: no variable, function or default in it, and nothing that a transaction or
/// the schema has a part in.
fn is_settled_by_text(sql: &[u8], statement: &Statement) -> bool {
    /// The first: SET CHARACTER SET takes the connection's from the schema.
    const OPEN: [&str; 5] = ["default", "character", "autocommit", "transaction", "session_track"];
    if statement.count != 1 || statement.effects != Effects::SET_VARIABLES || sql.len() > LONGEST {
        return false;
    }
    if sql.iter().any(|byte| matches!(byte, b'@' | b'(' | b'/' | b'#') || !byte.is_ascii()) {
        return false;
    }
    let text = String::from_utf8_lossy(sql).to_ascii_lowercase();
    !OPEN.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql::statement::{Modes, analyze};

    #[test]
    fn what_its_text_settles() {
        for (sql, expected) in [
            ("SET NAMES utf8mb4", true),
            ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", true),
            ("SET SESSION sql_mode='STRICT_ALL_TABLES', time_zone='+01:00'", true),
            ("SET sql_mode=DEFAULT", false),
            ("SET sql_mode=(SELECT 1)", false),
            ("SET @a=1", false),
            ("SET GLOBAL max_connections=5", false),
            ("SET autocommit=0", false),
            ("SET CHARACTER SET utf8mb4", false),
            ("SET NAMES utf8mb4; SELECT 1", false),
            ("SET STATEMENT max_statement_time=1 FOR SELECT 1", false),
        ] {
            let statement = analyze(sql.as_bytes(), Modes::default());
            assert_eq!(is_settled_by_text(sql.as_bytes(), &statement), expected, "{sql}");
        }
    }
}
