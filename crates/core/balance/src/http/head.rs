//! Heads of messages, made for a proxy: one buffer with all text, and ranges into it.
//!
//! A head read from the wire keeps its bytes where they are. A rule's change appends the new text to the same buffer
//! and moves a range; nothing else is copied until the head is written out. Two allocations per head, which the
//! connection keeps for its next message.
//!
//! Names and values are bytes: HTTP allows what UTF-8 does not. Names compare without regard to case (RFC 9110
//! section 5.1) and keep the case they came in.

use std::ops::Range;

/// The version a message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    Http09,
    Http10,
    #[default]
    Http11,
    Http2,
}

impl Version {
    /// As in a request line and in logs: `HTTP/1.1`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http09 => "HTTP/0.9",
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// A place in the text of a head. 4 GB is far above any head's limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Fields that most heads have at most: one allocation for them.
const USUAL: usize = 16;

/// The fields of a head, in order of arrival, duplicates included.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<(Span, Span)>,
    adjusted: bool,
}

impl Headers {
    /// Empties it and keeps its memory for the next message.
    pub fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.adjusted = false;
    }

    /// Gives memory back: what an idle connection does.
    pub fn release(&mut self) {
        *self = Self::default();
    }

    /// The buffer that spans lie in.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Adds bytes to the text, to be named by [`Headers::push_span`] or kept as a span by the caller.
    pub fn append(&mut self, bytes: &[u8]) -> Span {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        Span { start, end: self.text.len() as u32 }
    }

    /// A span of text already appended, counted from the text's beginning.
    ///
    /// # Panics
    /// If the range is not inside the text.
    pub fn span(&self, range: Range<usize>) -> Span {
        assert!(range.start <= range.end && range.end <= self.text.len(), "a span lies in its text");
        Span { start: range.start as u32, end: range.end as u32 }
    }

    pub fn slice(&self, span: Span) -> &[u8] {
        &self.text[span.range()]
    }

    /// Adds a field whose name and value are in the text already.
    pub fn push_span(&mut self, name: Span, value: Span) {
        if self.fields.is_empty() {
            self.fields.reserve(USUAL);
        }
        self.fields.push((name, value));
    }

    /// Adds a field after all others (`add-header`).
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (self.append(name), self.append(value));
        self.fields.push((name, value));
    }

    /// Removes all fields of this name and adds one (`set-header`).
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes all fields of this name; whether there were any.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        self.retain(|field, _| !field.eq_ignore_ascii_case(name))
    }

    /// Keeps the fields that `keep` wants; whether any went.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
        let (text, before) = (&self.text, self.fields.len());
        self.fields.retain(|(name, value)| keep(&text[name.range()], &text[value.range()]));
        self.fields.len() != before
    }

    /// Gives the field at this place another value.
    pub fn replace_value(&mut self, place: usize, value: &[u8]) {
        self.fields[place].1 = self.append(value);
    }

    /// Lengthens the value of the field at this place. Its text is copied only where another one follows it.
    pub fn extend_value(&mut self, place: usize, more: &[&[u8]]) {
        let mut value = self.fields[place].1;
        if value.end as usize != self.text.len() {
            let start = self.text.len() as u32;
            self.text.extend_from_within(value.range());
            value.start = start;
        }
        more.iter().for_each(|part| self.text.extend_from_slice(part));
        value.end = self.text.len() as u32;
        self.fields[place].1 = value;
    }

    /// Writes names as this list has them, others in small letters.
    pub fn adjust_case(&mut self, names: &[(String, String)]) {
        for place in 0..self.fields.len() {
            let name = self.slice(self.fields[place].0).to_ascii_lowercase();
            let listed = names.iter().find(|(from, _)| from.as_bytes().eq_ignore_ascii_case(&name));
            self.fields[place].0 = match listed {
                Some((_, to)) => self.append(to.as_bytes()),
                None => self.append(&name),
            };
        }
        self.adjusted = true;
    }

    /// Whether names are to be written as they are.
    pub fn is_adjusted(&self) -> bool {
        self.adjusted
    }

    /// The first field of this name.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All fields of this name, in order.
    pub fn get_all<'a, 'n>(&'a self, name: &'n [u8]) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// Whether a comma-separated list field holds this token (`Connection: close, te`).
    pub fn has_token(&self, name: &[u8], token: &[u8]) -> bool {
        self.get_all(name)
            .any(|value| value.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token)))
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> + ExactSizeIterator {
        self.fields.iter().map(|(name, value)| (self.slice(*name), self.slice(*value)))
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// A request's first line and fields.
#[derive(Debug, Clone, Default)]
pub struct RequestHead {
    method: Span,
    /// As it stands in the request line; for HTTP/2 `:path`.
    uri: Span,
    /// Method and URI as they came, whatever rules made of them: for logs.
    came: (Span, Span),
    pub version: Version,
    pub headers: Headers,
}

impl RequestHead {
    /// What stands for a request that could not be read.
    pub const EMPTY: Self = Self {
        method: Span { start: 0, end: 0 },
        uri: Span { start: 0, end: 0 },
        came: (Span { start: 0, end: 0 }, Span { start: 0, end: 0 }),
        version: Version::Http11,
        headers: Headers { text: Vec::new(), fields: Vec::new(), adjusted: false },
    };

    pub fn new(method: &[u8], uri: &[u8], version: Version) -> Self {
        let mut head = Self { version, ..Self::default() };
        head.set_method(method);
        head.set_uri(uri);
        head.came = (head.method, head.uri);
        head
    }

    pub fn method(&self) -> &[u8] {
        self.headers.slice(self.method)
    }

    pub fn set_method(&mut self, method: &[u8]) {
        self.method = self.headers.append(method);
    }

    pub fn uri(&self) -> &[u8] {
        self.headers.slice(self.uri)
    }

    pub fn set_uri(&mut self, uri: &[u8]) {
        self.uri = self.headers.append(uri);
    }

    /// Method and URI as the client sent them.
    pub fn as_came(&self) -> (&[u8], &[u8]) {
        (self.headers.slice(self.came.0), self.headers.slice(self.came.1))
    }

    /// Names method and URI by what is in the text already: how a parser fills a head.
    pub fn set_line(&mut self, method: Span, uri: Span, version: Version) {
        (self.method, self.uri, self.version) = (method, uri, version);
        self.came = (method, uri);
    }

    /// Host and port that the URI itself names: of `http://host/path`, or all of what CONNECT asks for.
    pub fn authority(&self) -> Option<&[u8]> {
        let uri = self.uri();
        if self.method() == b"CONNECT" {
            return Some(uri);
        }
        if matches!(uri.first(), None | Some(b'/' | b'*')) {
            return None;
        }
        let rest = &uri[uri.windows(3).position(|part| part == b"://")? + 3..];
        Some(&rest[..rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len())])
    }

    /// The URI without scheme, authority, query and fragment; `*` for `OPTIONS *`.
    pub fn path(&self) -> &[u8] {
        let rest = self.path_and_query();
        let end = rest.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
        &rest[..end]
    }

    /// The URI without scheme and authority.
    pub fn path_and_query(&self) -> &[u8] {
        path_and_query_of(self.uri())
    }

    /// What follows the first `?`, without a fragment; empty where there is none.
    pub fn query(&self) -> &[u8] {
        let uri = self.path_and_query();
        let Some(mark) = uri.iter().position(|byte| *byte == b'?') else { return b"" };
        let query = &uri[mark + 1..];
        &query[..query.iter().position(|byte| *byte == b'#').unwrap_or(query.len())]
    }
}

/// A URI without scheme and authority.
pub fn path_and_query_of(uri: &[u8]) -> &[u8] {
    if uri.first() == Some(&b'/') {
        return uri;
    }
    let Some(scheme) = uri.windows(3).position(|part| part == b"://") else { return uri };
    let authority = &uri[scheme + 3..];
    let path = authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(authority.len());
    &authority[path..]
}

/// A response's first line and fields.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    pub status: u16,
    reason: Span,
    pub version: Version,
    pub headers: Headers,
}

impl ResponseHead {
    pub fn new(status: u16, reason: &[u8], version: Version) -> Self {
        let mut head = Self { status, version, ..Self::default() };
        head.set_reason(reason);
        head
    }

    pub fn reason(&self) -> &[u8] {
        self.headers.slice(self.reason)
    }

    pub fn set_reason(&mut self, reason: &[u8]) {
        self.reason = self.headers.append(reason);
    }

    /// Names the line by what is in the text already: how a parser fills a head.
    pub fn set_line(&mut self, status: u16, reason: Span, version: Version) {
        (self.status, self.reason, self.version) = (status, reason, version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_order_and_case_and_compare_without() {
        let mut headers = Headers::default();
        headers.add(b"Host", b"a");
        headers.add(b"x-a", b"1");
        headers.add(b"X-A", b"2");
        assert_eq!(headers.get_all(b"X-a").collect::<Vec<_>>(), [b"1", b"2"]);
        headers.set(b"x-A", b"3");
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [(&b"Host"[..], &b"a"[..]), (b"x-A", b"3")]);
        assert!(headers.remove(b"host") && !headers.remove(b"host"));
    }

    #[test]
    fn tokens_of_a_list() {
        let mut headers = Headers::default();
        headers.add(b"Connection", b"te , Close");
        assert!(headers.has_token(b"connection", b"close") && !headers.has_token(b"connection", b"clos"));
    }

    #[test]
    fn parts_of_a_uri() {
        for (uri, path, query) in [
            ("/a/b?c=d#e", "/a/b", "c=d"),
            ("http://h:1/a?b", "/a", "b"),
            ("http://h", "", ""),
            ("*", "*", ""),
            ("/a?b?c", "/a", "b?c"),
            ("/x://y", "/x://y", ""),
        ] {
            let head = RequestHead::new(b"GET", uri.as_bytes(), Version::Http11);
            assert_eq!((head.path(), head.query()), (path.as_bytes(), query.as_bytes()), "{uri}");
        }
    }
}
