//! Access lists: named tests on samples, and the conditions (`if`, `unless`) made of them.

use crate::sample::{Context, Env};

/// The ACLs of one proxy, by name.
#[derive(Debug, Clone, Default)]
pub struct Acls {}

impl Acls {
    /// `acl <name> <criterion> [flags] [operator] [value ...]`; the same name again adds to it.
    pub fn define(&mut self, name: &str, words: &[String], env: Env<'_>) -> Result<(), String> {
        let _ = (name, words, env);
        Ok(())
    }
}

/// What a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Fail,
    /// More bytes are needed to say.
    Wait,
}

/// `if a b or !c`, `unless { path_beg /x }`.
#[derive(Debug, Clone)]
pub struct Condition {}

impl Condition {
    /// Reads all words, the first being `if` or `unless`.
    pub fn parse(words: &[String], acls: &Acls, env: Env<'_>) -> Result<Self, String> {
        let _ = (words, acls, env);
        Ok(Self {})
    }

    /// Whether it holds now.
    pub fn holds(&self, context: &dyn Context) -> bool {
        self.test(context) == Verdict::Pass
    }

    /// Whether it holds, or cannot be said before more bytes come.
    pub fn test(&self, context: &dyn Context) -> Verdict {
        let _ = context;
        Verdict::Fail
    }
}
