//! The query cache: which answers may be given again, to whom, and until when.
//!
//! Invariants
//! - Only a provable read is kept that depends on nothing but its text, the data and what [`key`] holds.
//! - A key is compared whole: two that hash alike never answer for each other.
//! - Nobody gets an answer that is older than what they themselves have written.
//!
//! Time is microseconds of the caller's clock, which never goes back.

pub mod key;
mod shard;

pub use key::{About, Execution, write_key};
pub use shard::{Ask, Shard};

use crate::monitor::gtid::Position;
use crate::statement::{Effects, Statement, Verb};
use std::sync::Arc;

/// Microseconds.
pub type Micros = u64;

/// An answer as a client got it.
#[derive(Debug)]
pub struct Answer {
    /// Framed, with the sequence numbers that follow a command of one packet.
    pub packets: Box<[u8]>,
    pub rows: u64,
    /// When its statement was sent to a server: it has all that was committed before.
    pub asked_at: Micros,
    /// Of a replica: what that was known to have by then. `None`: a writer gave it.
    pub position: Option<Arc<Position>>,
}

/// Whether the answer of a statement may be kept at all.
pub fn may_be_kept(statement: &Statement) -> bool {
    statement.count == 1 && statement.not_a_read.is_none() && statement.effects.is_empty()
}

/// Whether, after it, its session has to see newer data than before. A statement that only sets or shows something has not
/// written, however little is known of it otherwise.
pub fn may_change_data(statement: &Statement) -> bool {
    const SETS: Effects = Effects::SET_VARIABLES.union(Effects::VOLATILE).union(Effects::USER_VARIABLE);
    let harmless = match statement.verb {
        Verb::Set => statement.effects.without(SETS.union(Effects::ASSIGNS_USER_VARIABLE)).is_empty(),
        Verb::Use | Verb::Show | Verb::ShowTableStatus | Verb::Describe | Verb::Explain => true,
        Verb::Prepare | Verb::Deallocate => true,
        _ => false,
    };
    statement.not_a_read.is_some() && !(harmless && statement.count == 1)
}

/// Whether a result without rows is kept: the rule's word goes before the variable's.
pub fn keeps_empty(rule: Option<bool>, variable: bool) -> bool {
    rule.unwrap_or(variable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{Modes, analyze};

    #[test]
    fn what_may_be_kept() {
        for (sql, kept) in [
            ("SELECT id, name FROM t WHERE id = 5", true),
            ("SELECT COUNT(*), MAX(price) FROM t JOIN u USING (id)", true),
            ("WITH a AS (SELECT 1) SELECT * FROM a", true),
            ("SHOW TABLES", true),
            ("SELECT DATE('2026-01-01')", true),
            ("SELECT NOW()", false),
            ("SELECT CURRENT_TIMESTAMP", false),
            ("SELECT * FROM t WHERE day = CURRENT_DATE", false),
            ("SELECT * FROM t WHERE at > UTC_TIMESTAMP", false),
            ("SELECT * FROM t ORDER BY RAND()", false),
            ("SELECT UUID()", false),
            ("SELECT CONNECTION_ID()", false),
            ("SELECT LAST_INSERT_ID()", false),
            ("SELECT FOUND_ROWS()", false),
            ("SELECT SQL_CALC_FOUND_ROWS * FROM t", false),
            ("SELECT USER()", false),
            ("SELECT CURRENT_USER", false),
            ("SELECT @@port", false),
            ("SELECT @@session . sql_mode", false),
            ("SELECT @a", false),
            ("SELECT GET_LOCK('a', 1)", false),
            ("SELECT SLEEP(1)", false),
            ("SELECT * FROM t FOR UPDATE", false),
            ("SELECT own_function(1)", false),
            ("SELECT 1; SELECT 2", false),
            ("INSERT INTO t VALUES (1)", false),
            ("SHOW WARNINGS", false),
            ("SHOW STATUS", false),
        ] {
            assert_eq!(may_be_kept(&analyze(sql.as_bytes(), Modes::default())), kept, "{sql}");
        }
    }

    #[test]
    fn what_makes_older_answers_too_old() {
        for (sql, changes) in [
            ("SELECT 1", false),
            ("SET NAMES utf8mb4", false),
            ("SET @a = 1", false),
            ("USE test", false),
            ("SHOW STATUS", false),
            ("SET autocommit = 1", true),
            ("SET STATEMENT max_statement_time = 1 FOR INSERT INTO t VALUES (1)", true),
            ("INSERT INTO t VALUES (1)", true),
            ("COMMIT", true),
            ("CALL p()", true),
            ("SELECT f()", true),
            ("USE test; DELETE FROM t", true),
        ] {
            assert_eq!(may_change_data(&analyze(sql.as_bytes(), Modes::default())), changes, "{sql}");
        }
    }
}
