//! What a statement does: its command, what it needs of its session, and whether it only reads.
//!
//! Invariants
//! - Total: any bytes have an answer, in one pass and without allocation.
//! - A text is a read only if that is proven. What is not understood is not a read.
//! - What depends on the session is an effect, not a reason: `SELECT @x` is a read, in the session that has `@x`.
//!
//! What the text cannot show: a view or a table's virtual column may call a stored function that writes.

mod command;
mod effects;
mod functions;
pub(crate) mod lexer;
mod reason;
mod scan;
#[cfg(test)]
mod tests;
mod variables;
mod verb;
pub(crate) mod words;

pub use effects::Effects;
pub use reason::Reason;
use std::ops::Range;
pub use verb::Verb;

/// What of a session changes where its words and strings end. Default: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Modes {
    /// `sql_mode` has ANSI_QUOTES: `"` quotes names.
    pub ansi_quotes: bool,
    /// `sql_mode` has NO_BACKSLASH_ESCAPES.
    pub no_backslash_escapes: bool,
    /// `character_set_client` has letters whose second byte may be a backslash or backtick: big5, cp932, gb18030, gbk,
    /// sjis. Texts beyond ASCII are then no provable reads.
    pub wide_letters: bool,
}

/// What a text of one or more statements does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The first statement's command.
    pub verb: Verb,
    /// Statements in the text; empty ones are not counted. A stored program's body is part of its statement.
    pub count: u32,
    /// Of all statements together.
    pub effects: Effects,
    /// `None`: it provably only reads, and a replica that has caught up would answer the same.
    pub not_a_read: Option<Reason>,
    /// Inside of the first `/* */` comment, where hints stand. Neither an executable comment nor an optimizer hint.
    pub first_comment: Option<Range<usize>>,
}

/// Reads `sql`, which may be any bytes.
pub fn analyze(sql: &[u8], modes: Modes) -> Statement {
    let mut statement = scan::scan(sql, modes);
    if modes.wide_letters && !sql.is_ascii() {
        statement.not_a_read = Some(Reason::Charset);
    }
    statement
}
