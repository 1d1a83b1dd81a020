//! An answer that no server gave: what a rule decided, for whoever sends it.

use std::sync::Arc;

use super::errors::{ErrorPage, reason};

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The proxy's page for this status: its `errorfile` if it has one, else the built-in page.
    Page(u16),
    /// The page of a named `http-errors` section.
    PageOf {
        section: Arc<str>,
        status: u16,
    },
    /// A whole answer as read from a file, HTTP/1 head and body.
    Raw {
        status: u16,
        bytes: Arc<[u8]>,
    },
    Built(Answer),
}

/// A made answer. Framing (`content-length`, `connection`) is the sender's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    /// In the order in which they are sent; `content-type` among them.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    /// End the connection after it.
    pub close: bool,
    /// Headers go before `content-length`, as HAProxy has it for `return` with `hdr`.
    pub headers_first: usize,
}

impl Reply {
    pub fn status(&self) -> u16 {
        match self {
            Self::Page(status) | Self::PageOf { status, .. } | Self::Raw { status, .. } => *status,
            Self::Built(answer) => answer.status,
        }
    }
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, reason: reason(status).into(), ..Self::default() }
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.as_bytes().to_vec(), value.into()));
        self
    }

    /// The built-in page of a status; a bare answer for a status without one.
    pub fn page(status: u16) -> Self {
        let Some(page) = ErrorPage::of(status) else { return Self::new(status) };
        let answer = Self { reason: page.reason.into(), body: page.body().into_bytes(), ..Self::new(status) };
        let answer = Self { close: page.close, ..answer };
        answer.header("cache-control", "no-cache").header("content-type", "text/html")
    }

    /// The answer that asks for a password.
    pub fn unauthorized(realm: &str) -> Self {
        Self::page(401).header("www-authenticate", format!("Basic realm=\"{realm}\""))
    }
}
