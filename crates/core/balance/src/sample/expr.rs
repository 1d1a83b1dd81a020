//! An expression: a fetch and the converters behind it.

use super::{Context, Env, Fetched, Type, Value};

/// `hdr(host),lower,field(1,:)`.
#[derive(Debug, Clone)]
pub struct Expr {
    text: String,
}

/// Something an expression names that must exist: the configuration checks it when all of it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Frontend(String),
    Backend(String),
    /// Of the named backend, or of the one the expression stands in.
    Server(Option<String>, String),
    /// `None` is the table of the proxy the expression stands in.
    Table(Option<String>),
    Userlist(String),
}

/// What must have come in before a fetch can say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Anywhere, also without a stream.
    Internal,
    /// A client's connection.
    Session,
    /// Bytes of the request.
    RequestBuffer,
    /// The request's head.
    Request,
    /// The connection to a server.
    Server,
    /// Bytes of the response.
    ResponseBuffer,
    /// The response's head.
    Response,
    /// The end of the session: logs only.
    Log,
}

impl Expr {
    /// Reads one expression from the first words; with how many of them it took.
    pub fn parse(words: &[String], env: Env<'_>) -> Result<(Self, usize), String> {
        let _ = env;
        let first = words.first().ok_or("missing fetch method")?;
        Ok((Self { text: first.clone() }, 1))
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The type that comes out.
    pub fn output(&self) -> Type {
        Type::Str
    }

    pub fn layer(&self) -> Layer {
        Layer::Internal
    }

    /// What it names.
    pub fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// The value: of several occurrences the one the fetch prefers.
    pub fn find<'a>(&'a self, context: &'a dyn Context) -> Fetched<'a> {
        let _ = context;
        Fetched::Missing
    }

    /// As [`Expr::find`], without the question whether it may change.
    pub fn get<'a>(&'a self, context: &'a dyn Context) -> Option<Value<'a>> {
        self.find(context).value()
    }
}
