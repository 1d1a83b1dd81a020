//! The words of a rule, taken one after the other.

use crate::{
    config::values::{self, Wrong},
    log::Format,
};

use super::Context;

/// Words behind the action's name.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    rest: &'a [String],
    /// What stands in parentheses behind the name: `txn.x` of `set-var(txn.x)`.
    pub argument: Option<&'a str>,
    /// The name with its parentheses, for messages.
    pub name: &'a str,
}

impl<'a> Words<'a> {
    pub fn new(name: &'a str, rest: &'a [String]) -> Self {
        let argument = name.split_once('(').map(|(_, inner)| inner.rsplit_once(')').map_or(inner, |(inner, _)| inner));
        Self { rest, argument, name }
    }

    pub fn rest(&self) -> &'a [String] {
        self.rest
    }

    pub fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(String::as_str)
    }

    /// The next word, unless the condition begins there.
    pub fn next_argument(&mut self) -> Option<&'a str> {
        match self.peek() {
            None | Some("if" | "unless") => None,
            word => {
                self.skip(1);
                word
            }
        }
    }

    /// The next word, whatever it is: for values.
    pub fn value(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.skip(1);
        word
    }

    /// Takes the next word if it is this one.
    pub fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        if found {
            self.skip(1);
        }
        found
    }

    pub fn skip(&mut self, count: usize) {
        self.rest = &self.rest[count.min(self.rest.len())..];
    }

    /// Exactly `N` values, of which the last ends the arguments.
    pub fn values<const N: usize>(&mut self, refusal: &str) -> Result<[&'a str; N], String> {
        let mut found = [""; N];
        for place in &mut found {
            *place = self.value().ok_or(refusal)?;
        }
        Ok(found)
    }

    /// Nothing or a condition may follow.
    pub fn at_end(&self) -> bool {
        matches!(self.peek(), None | Some("if" | "unless"))
    }

    pub fn format(&mut self, refusal: &str, context: &Context<'_>) -> Result<Format, String> {
        let [text] = self.values(refusal)?;
        Format::parse(text, context.env)
    }
}

/// A time in milliseconds.
pub fn millis(word: &str) -> Result<u64, String> {
    match values::time(word) {
        Ok(time) => Ok(time.as_millis() as u64),
        Err(Wrong::Overflow) => Err(format!("timer overflow ({})", values::TIME_MAX_TEXT)),
        Err(Wrong::Character(stranger)) => Err(unexpected(stranger)),
    }
}

/// A size in bytes.
pub fn bytes(word: &str) -> Result<u64, String> {
    match values::size(word) {
        Ok(size) => Ok(size),
        Err(Wrong::Overflow) => Err("size overflow".into()),
        Err(Wrong::Character(stranger)) => Err(unexpected(stranger)),
    }
}

fn unexpected(stranger: Option<char>) -> String {
    stranger.map_or_else(|| "missing value".to_owned(), |stranger| format!("unexpected character '{stranger}'"))
}
