//! Samples: fetches that look at a stream, converters that change what they found.

pub mod args;
pub mod context;
pub mod converter;
pub mod expr;
pub mod fetch;
#[cfg(test)]
pub(crate) mod fixture;
pub mod keyword;
pub mod notes;
pub mod place;
#[cfg(test)]
mod tests;
pub mod value;

pub use context::{
    BackendNumber, Body, Buffer, Certificate, Connection, Context, Counter, Endpoint, Entry, FrontendNumber, Named,
    Nothing, Now, ProcessNumber, Scope, ServerNumber, Side, StreamNumber, TableNumber, Tls, Touch, Var,
};
pub use expr::Expr;
pub use notes::{Note, Notes, Reference, Standing};
pub use place::{Place, Source};
pub use value::{Fetched, Type, Value};

/// What parsing an expression, an ACL or a format may need from outside.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// Where maps and lists of patterns are read.
    pub files: &'a dyn crate::config::Files,
    /// All maps and lists of patterns of this configuration: what the same file names is the same list.
    pub patterns: &'a crate::pattern::Library,
}

impl<'a> Env<'a> {
    /// Where the line being read stands, and what it names.
    pub fn notes(self) -> &'a Notes {
        self.patterns.notes()
    }
}
