//! `set-method`, `set-path`, `set-pathq`, `set-query`, `set-uri`, `replace-path`, `replace-pathq`, `replace-uri`.

use std::ops::Range;

use super::{
    Context,
    action::{Step, text},
    exchange::Exchange,
    words::Words,
};
use crate::{http::RequestHead, log::Format, pattern::Regex};

#[derive(Debug, Clone)]
pub struct UriAction {
    part: Part,
    /// The part must match; the format is then a template with `\1` and its like.
    matches: Option<Regex>,
    value: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Method,
    /// Up to the query.
    Path,
    /// With the query.
    PathQuery,
    Query,
    Uri,
}

impl UriAction {
    pub fn parse_set(words: &mut Words<'_>, context: &Context<'_>, part: Part) -> Result<Self, String> {
        const REFUSAL: &str = "expects exactly 1 argument <format>";
        let value = words.format(REFUSAL, context)?;
        if !words.at_end() {
            return Err(REFUSAL.into());
        }
        Ok(Self { part, matches: None, value })
    }

    pub fn parse_replace(words: &mut Words<'_>, context: &Context<'_>, part: Part) -> Result<Self, String> {
        const REFUSAL: &str = "expects exactly 2 arguments <match-regex> and <replace-format>";
        let [matches, template] = words.values(REFUSAL)?;
        if !words.at_end() {
            return Err(REFUSAL.into());
        }
        Ok(Self { part, matches: Some(Regex::new(matches, false)?), value: Format::parse(template, context.env)? })
    }

    pub fn apply(&self, exchange: &mut dyn Exchange) -> Step {
        let value = text(&self.value, exchange);
        let Some(head) = exchange.request_mut() else { return Step::Next };
        let value = match &self.matches {
            None => Some(value),
            Some(regex) => regex.expand(self.part.of(head), &value),
        };
        if let Some(value) = value {
            self.part.set(head, &value);
        }
        Step::Next
    }
}

impl Part {
    fn of(self, head: &RequestHead) -> &[u8] {
        match self {
            Self::Method => head.method(),
            Self::Path => head.path(),
            Self::PathQuery => head.path_and_query(),
            Self::Query => head.query(),
            Self::Uri => head.uri(),
        }
    }

    pub fn set(self, head: &mut RequestHead, value: &[u8]) {
        match self {
            Self::Method => head.set_method(value),
            Self::Uri => {
                head.set_uri(value);
                copy_authority(head);
            }
            Self::Path => splice(head, head.path().len(), 0, value),
            Self::PathQuery => splice(head, head.path_and_query().len(), 0, value),
            Self::Query => {
                let whole = head.path_and_query();
                let path = whole.iter().position(|byte| *byte == b'?').unwrap_or(whole.len());
                splice(head, whole.len(), path, &[b"?", value].concat());
            }
        }
    }
}

/// An absolute URI says which host is meant: the `host` field follows (RFC 9112 section 3.2.2).
fn copy_authority(head: &mut RequestHead) {
    let Some(range) = authority(head.uri()) else { return };
    let authority = head.uri()[range].to_vec();
    let place = head.headers.iter().position(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    if let Some(place) = place {
        head.headers.replace_value(place, &authority);
    }
}

/// The other way: a changed `host` field goes into an absolute URI.
pub fn copy_host(head: &mut RequestHead) {
    let Some(range) = authority(head.uri()) else { return };
    let Some(host) = head.headers.get(b"host") else { return };
    let uri = head.uri();
    let changed = [&uri[..range.start], host, &uri[range.end..]].concat();
    head.set_uri(&changed);
}

/// Where the authority of an absolute URI is.
fn authority(uri: &[u8]) -> Option<Range<usize>> {
    if uri.first() == Some(&b'/') {
        return None;
    }
    let start = uri.windows(3).position(|part| part == b"://")? + 3;
    let len = uri[start..].iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    Some(start..len.map_or(uri.len(), |len| start + len))
}

/// Replaces bytes `from..len` of path and query, and keeps scheme and authority.
fn splice(head: &mut RequestHead, len: usize, from: usize, value: &[u8]) {
    let uri = head.uri();
    let start = uri.len() - head.path_and_query().len();
    let Range { start, end } = start + from..start + len;
    let changed = [&uri[..start], value, &uri[end..]].concat();
    head.set_uri(&changed);
}
