//! What is known of a statement while it is read.

use super::super::lexer::{Kind, Token};
use super::super::words::Keyword;
use super::super::{Effects, Reason, Verb};

/// A token that has passed.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Seen {
    pub token: Token,
    pub keyword: Keyword,
}

impl Seen {
    pub fn is(&self, sign: u8) -> bool {
        self.token.kind == Kind::Sign(sign)
    }
}

/// What is known of the statement being read.
#[derive(Debug)]
pub(in super::super) struct Current {
    /// Its first words; `None` where something else stood.
    pub head: [Keyword; 4],
    pub heads: usize,
    pub depth: u32,
    pub effects: Effects,
    pub reason: Option<Reason>,
    /// `CREATE | ALTER | DROP` this; `EXPLAIN | ANALYZE` this.
    pub object: Option<Keyword>,
    pub temporary: bool,
    pub locks_rows: bool,
    /// A query that turned out to be an UPDATE or DELETE behind its WITH.
    pub writes: Option<Verb>,
    /// What follows up to the end of the text belongs to it.
    pub body: bool,
    pub into: bool,
    /// Where the names of common table expressions stand.
    pub with: Option<u32>,
    /// `SET STATEMENT`, whose variables are not the session's.
    pub set_statement: bool,
    /// Words of an executable comment directly behind SELECT do no harm, present or not.
    pub harmless: bool,
    pub last: Option<Seen>,
    pub before: Option<Seen>,
}

impl Default for Current {
    fn default() -> Self {
        Self {
            head: [Keyword::NoWord; 4],
            heads: 0,
            depth: 0,
            effects: Effects::NONE,
            reason: None,
            object: None,
            temporary: false,
            locks_rows: false,
            writes: None,
            body: false,
            into: false,
            with: None,
            set_statement: false,
            harmless: false,
            last: None,
            before: None,
        }
    }
}

impl Current {
    pub fn refuse(&mut self, reason: Reason) {
        self.reason.get_or_insert(reason);
    }

    pub fn last_keyword(&self) -> Keyword {
        self.last.map_or(Keyword::NoWord, |last| last.keyword)
    }

    pub fn keyword_before(&self) -> Keyword {
        self.before.map_or(Keyword::NoWord, |before| before.keyword)
    }

    pub fn last_is(&self, sign: u8) -> bool {
        self.last.is_some_and(|last| last.is(sign))
    }

    pub fn is_query(&self) -> bool {
        matches!(
            self.head[0],
            Keyword::Select
                | Keyword::With
                | Keyword::Values
                | Keyword::Table
                | Keyword::Explain
                | Keyword::Desc
                | Keyword::Describe
                | Keyword::Analyze
        )
    }
}
