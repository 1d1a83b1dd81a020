//! libconfig 1.7's syntax: what `proxysql.cnf` is written in, as a tree with a place for every name and value.
//!
//! Depth and size are bounded, and no bytes make it panic: the file may come from anybody who may write a config map.

mod lexer;
mod parser;

#[cfg(test)]
mod tests;

pub use parser::parse;
use std::fmt;
use std::rc::Rc;

/// Groups, lists and arrays within each other, at most.
pub const MAX_DEPTH: usize = 32;
/// Files that include each other, at most. Source: libconfig.
pub const MAX_INCLUDES: usize = 10;
/// Bytes of all files together, at most.
pub const MAX_BYTES: usize = 64 << 20;

/// Where something stands: `proxysql.cnf:12:3`. Lines and columns count from 1; a column is a byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub file: Rc<str>,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// `name = value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    pub value: Node,
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    /// Of 32 or 64 bits: `12`, `0x1F`, `12L`.
    Int(i64),
    Float(f64),
    Text(String),
    /// `{ name = value; }`
    Group(Vec<Setting>),
    /// `( value, value )`, of any kinds.
    List(Vec<Node>),
    /// `[ value, value ]`, scalars of one kind.
    Array(Vec<Node>),
}

impl Value {
    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number with a fraction",
            Self::Text(_) => "a string",
            Self::Group(_) => "a group { }",
            Self::List(_) => "a list ( )",
            Self::Array(_) => "an array [ ]",
        }
    }
}

/// What is wrong with the text, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Error {
    pub place: Place,
    pub message: String,
}

/// Gives the text of an included file, by the path as written; an error says why there is none.
pub type Include<'a> = &'a dyn Fn(&str) -> Result<String, String>;
