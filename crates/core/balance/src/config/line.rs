//! The line being read, and what its handlers may use: words, report, files, variables.

use super::model::{Line, Placed};
use super::report::Report;
use super::values;
use super::{Env, Files};

/// `no`, `default`, or neither before the keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    None,
    No,
    Default,
}

pub struct Ctx<'a> {
    pub words: &'a [String],
    pub modifier: Modifier,
    pub report: &'a mut Report,
    pub env: &'a Env,
    pub files: &'a dyn Files,
}

impl<'a> Ctx<'a> {
    /// A word of the line, empty where there is none.
    pub fn word(&self, at: usize) -> &'a str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// The words from there on.
    pub fn rest(&self, at: usize) -> &'a [String] {
        self.words.get(at..).unwrap_or_default()
    }

    /// The same line with other words.
    pub fn with_words<'b>(&'b mut self, words: &'b [String]) -> Ctx<'b>
    where
        'a: 'b,
    {
        Ctx { words, report: &mut *self.report, ..*self }
    }

    pub fn alert(&mut self, text: impl AsRef<str>) {
        self.report.alert(text);
    }

    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.report.warn(text);
    }

    /// Says that a keyword would change traffic, and we cannot do it.
    pub fn refuse(&mut self, name: &str, reason: &str, cure: &str) {
        self.alert(format!("'{name}' is not supported: {reason}; {cure}."));
    }

    /// The line, for the owner of its words.
    pub fn line(&self) -> Line {
        Placed { place: self.report.place.clone(), words: self.words.into(), value: () }
    }

    /// Whether there are no more words than `keyword` and `arguments`. Says so otherwise.
    pub fn at_most(&mut self, keyword: usize, arguments: usize) -> bool {
        let Some(extra) = self.words.get(keyword + arguments) else { return true };
        let name = self.words[..keyword].join(" ");
        self.alert(format!("'{name}' cannot handle unexpected argument '{extra}'."));
        false
    }

    /// A number as C's `atol` reads it, where HAProxy does; what it does not read is said.
    pub fn lax_number(&mut self, at: usize) -> i32 {
        let word = self.word(at);
        let number = values::leading_number(word);
        if !values::is_number(word) {
            self.warn(format!("'{}' : '{word}' is read as {number}, as HAProxy does.", self.words[..at].join(" ")));
        }
        number
    }
}
