//! Reads heads of HTTP/1 messages (RFC 9112 sections 2 to 5) as strictly as HAProxy does, and a little more.
//!
//! Taken like HAProxy: empty lines before a request, lines that end in LF alone, several blanks in the request line,
//! folded values (their line ends become blanks). Refused unless `option accept-invalid-http-request` or `-response`
//! says otherwise: names that are no tokens, a URI that has no form of section 3.2 or bytes it must not have, other
//! versions than `HTTP/n.n`, `Host` that is not the URI's authority. Never taken, though HAProxy 2.6 does: NUL in values.

use super::framing::{self, Facts};
use super::head::{Headers, RequestHead, ResponseHead, Span, Version};
use memchr::{memchr, memchr2};
use std::ops::Range;

/// What a head may be at most, and how strictly it is read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Fields and lines that go on with one, at most: one less than `tune.http.maxhdr`, which counts the first line.
    pub fields: usize,
    /// Bytes, at most: `tune.bufsize` without `tune.maxrewrite`.
    pub bytes: usize,
    /// `option accept-invalid-http-request` or `option accept-invalid-http-response`.
    pub lax: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fields: 100, bytes: 16384 - 1024, lax: false }
    }
}

/// Why a head cannot be used, and the byte that shows it (`show errors`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct Invalid {
    pub at: usize,
    pub what: &'static str,
    /// What a client is told: 400, or 422 for a transfer coding that nobody has to know.
    pub status: u16,
}

/// A head that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed {
    /// Bytes of the input it takes.
    pub used: usize,
    pub facts: Facts,
}

/// Reads a request's head; `None` while it is not whole. `head` is overwritten.
pub fn request(bytes: &[u8], limits: &Limits, head: &mut RequestHead) -> Result<Option<Parsed>, Invalid> {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let mut lines = Lines { bytes, place: start };
    let Some(line) = lines.next()? else {
        return request_line(&bytes[start..], start, limits, false).and(too_long(bytes, limits));
    };
    let (method, uri, version) = request_line(&bytes[line.clone()], line.start, limits, true)?;
    head.headers.clear();
    head.headers.append(&bytes[start..head_end(bytes, start)]);
    let Some(used) = fields(&mut lines, start, limits, &mut head.headers)? else {
        return too_long(bytes, limits);
    };
    if used > limits.bytes {
        return Err(invalid(limits.bytes, "the head is too long"));
    }
    let (method, uri) = (span(&head.headers, method, start), span(&head.headers, uri, start));
    head.set_line(method, uri, version);
    let facts = framing::settle_request(head, limits.lax).map_err(|(what, status)| Invalid { at: 0, what, status })?;
    Ok(Some(Parsed { used, facts }))
}

/// Reads a response's head; `None` while it is not whole. `head` is overwritten.
pub fn response(bytes: &[u8], limits: &Limits, head: &mut ResponseHead) -> Result<Option<Parsed>, Invalid> {
    let mut lines = Lines { bytes, place: 0 };
    let Some(line) = lines.next()? else {
        status_start(bytes, limits)?;
        return too_long(bytes, limits);
    };
    let (version, status, reason) = status_line(&bytes[line.clone()], line.start, limits)?;
    head.headers.clear();
    head.headers.append(&bytes[..head_end(bytes, 0)]);
    let Some(used) = fields(&mut lines, 0, limits, &mut head.headers)? else {
        return too_long(bytes, limits);
    };
    if used > limits.bytes {
        return Err(invalid(limits.bytes, "the head is too long"));
    }
    let reason = span(&head.headers, reason, 0);
    head.set_line(status, reason, version);
    let facts = framing::settle_response(head).map_err(|(what, status)| Invalid { at: 0, what, status })?;
    Ok(Some(Parsed { used, facts }))
}

/// Reads the lines of a trailer section, the empty line included.
pub fn trailers(bytes: &[u8], limits: &Limits, into: &mut Headers) -> Result<Option<usize>, Invalid> {
    into.clear();
    into.append(bytes);
    fields(&mut Lines { bytes, place: 0 }, 0, limits, into)
}

fn too_long(bytes: &[u8], limits: &Limits) -> Result<Option<Parsed>, Invalid> {
    if bytes.len() >= limits.bytes { Err(invalid(limits.bytes, "the head is too long")) } else { Ok(None) }
}

fn invalid(at: usize, what: &'static str) -> Invalid {
    Invalid { at, what, status: 400 }
}

/// The place behind the empty line; all there is while there is none. So that no body is copied with a head.
fn head_end(bytes: &[u8], from: usize) -> usize {
    let mut place = from;
    while let Some(end) = memchr(b'\n', &bytes[place..]) {
        place += end + 1;
        match &bytes[place..] {
            [b'\n', ..] => return place + 1,
            [b'\r', b'\n', ..] => return place + 2,
            _ => {}
        }
    }
    bytes.len()
}

/// Where a range of the input is in a text that begins at its byte `start`.
fn span(headers: &Headers, range: Range<usize>, start: usize) -> Span {
    headers.span(range.start - start..range.end - start)
}

/// Lines that end in CR LF or in LF alone.
struct Lines<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Lines<'_> {
    /// The next line's place, without its end; `None` while it is not whole.
    fn next(&mut self) -> Result<Option<Range<usize>>, Invalid> {
        let rest = &self.bytes[self.place..];
        let Some(end) = memchr(b'\n', rest) else { return Ok(None) };
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(at) = memchr2(b'\r', 0, line) {
            return Err(invalid(self.place + at, "CR or NUL inside a line"));
        }
        let range = self.place..self.place + line.len();
        self.place += end + 1;
        Ok(Some(range))
    }
}

/// Reads fields up to the empty line; the place behind it. The text of `headers` begins at byte `start` of the input.
fn fields(
    lines: &mut Lines<'_>,
    start: usize,
    limits: &Limits,
    headers: &mut Headers,
) -> Result<Option<usize>, Invalid> {
    let mut folds = 0;
    while let Some(line) = lines.next()? {
        let text = &lines.bytes[line.clone()];
        let Some(&first) = text.first() else { return Ok(Some(lines.place)) };
        if headers.len() + folds >= limits.fields {
            return Err(invalid(line.start, "too many fields"));
        }
        if matches!(first, b' ' | b'\t') {
            folds += 1;
            unfold(text, headers).ok_or(invalid(line.start, "the first field begins with a blank"))?;
            continue;
        }
        let colon = memchr(b':', text).ok_or(invalid(line.start, "a field without colon"))?;
        if let Some(at) = text[..colon].iter().position(|byte| !is_token(*byte))
            && !limits.lax
        {
            return Err(invalid(line.start + at, "a byte that no field's name may have"));
        }
        if colon == 0 {
            return Err(invalid(line.start, "a field without name"));
        }
        let value = trim(text, colon + 1..text.len());
        let value = line.start + value.start..line.start + value.end;
        let name = span(headers, line.start..line.start + colon, start);
        headers.push_span(name, span(headers, value, start));
    }
    Ok(None)
}

/// Adds a folded line to the last field: the line's end counts as two blanks, as HAProxy writes it.
fn unfold(line: &[u8], headers: &mut Headers) -> Option<()> {
    let last = headers.len().checked_sub(1)?;
    let (_, value) = headers.iter().next_back()?;
    let (is_first, line) = (value.is_empty(), line.trim_ascii_end());
    match line.trim_ascii_start() {
        b"" => {}
        text if is_first => headers.replace_value(last, text),
        _ => headers.extend_value(last, &[b"  ", line]),
    }
    Some(())
}

/// Without blanks at either end.
fn trim(text: &[u8], range: Range<usize>) -> Range<usize> {
    let is_blank = |place: usize| matches!(text[place], b' ' | b'\t');
    let (mut start, mut end) = (range.start, range.end);
    while start < end && is_blank(start) {
        start += 1;
    }
    while end > start && is_blank(end - 1) {
        end -= 1;
    }
    start..end
}

/// Bytes of tokens (RFC 9110 section 5.6.2).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut place = 0;
    while place < others.len() {
        table[others[place] as usize] = true;
        place += 1;
    }
    table
};

fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

type Line = (Range<usize>, Range<usize>, Version);

/// Method, URI and version; `at` is where the line is in the input. A line that is not whole is looked at for bytes that
/// can never become a request: somebody speaks TLS to us, or noise.
fn request_line(line: &[u8], at: usize, limits: &Limits, whole: bool) -> Result<Line, Invalid> {
    let word = |from: usize| line[from..].iter().position(|byte| *byte == b' ').map_or(line.len(), |end| from + end);
    let blanks = |from: usize| from + line[from..].iter().take_while(|byte| **byte == b' ').count();
    let method = 0..word(0);
    if let Some(bad) = line[method.clone()].iter().position(|byte| !is_token(*byte)) {
        // What may still become the line's end is none yet.
        if whole || line[bad] != b'\r' {
            return Err(invalid(at + bad, "a byte that no method may have"));
        }
    }
    if method.is_empty() && !line.is_empty() {
        return Err(invalid(at, "a request without method"));
    }
    let uri = blanks(method.end)..word(blanks(method.end));
    if !whole {
        return Ok((method, uri, Version::Http11));
    }
    check_uri(&line[uri.clone()], limits.lax)
        .map_err(|bad| invalid(at + uri.start + bad, "a byte that no URI may have"))?;
    let version = request_version(line, &method, blanks(uri.end)..line.len(), limits.lax)
        .ok_or(invalid(at + uri.end, "not a version of HTTP"))?;
    if uri.is_empty() || !(limits.lax || has_form(&line[method.clone()], &line[uri.clone()])) {
        return Err(invalid(at + uri.start, "a URI of no form that this method has"));
    }
    Ok((at + method.start..at + method.end, at + uri.start..at + uri.end, version))
}

/// The place of the first byte that does not belong into a URI.
fn check_uri(uri: &[u8], lax: bool) -> Result<(), usize> {
    let good = |byte: u8| matches!(byte, 0x21..=0x7e if byte != b'#') || lax && (byte >= 0x80 || byte == b'#');
    uri.iter().position(|byte| !good(*byte)).map_or(Ok(()), Err)
}

fn request_version(line: &[u8], method: &Range<usize>, word: Range<usize>, lax: bool) -> Option<Version> {
    if word.is_empty() {
        return (lax && &line[method.clone()] == b"GET").then_some(Version::Http09);
    }
    version(&line[word], lax)
}

fn version(word: &[u8], lax: bool) -> Option<Version> {
    match word {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Some(match (major, minor) {
                (b'0', _) => Version::Http09,
                (b'1', b'0') => Version::Http10,
                _ => Version::Http11,
            })
        }
        _ => (lax && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/.".contains(byte)))
            .then_some(Version::Http10),
    }
}

/// The forms of RFC 9112 section 3.2: origin, absolute, authority (only and always for CONNECT), asterisk.
fn has_form(method: &[u8], uri: &[u8]) -> bool {
    if method == b"CONNECT" {
        return !uri.starts_with(b"/") && uri != b"*";
    }
    uri.starts_with(b"/") || uri == b"*" || has_scheme(uri)
}

fn has_scheme(uri: &[u8]) -> bool {
    let Some(end) = memchr(b':', uri) else { return false };
    end > 0
        && uri[0].is_ascii_alphabetic()
        && uri[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        && uri[end..].starts_with(b"://")
}

/// Whether what there is may still become a status line.
fn status_start(bytes: &[u8], limits: &Limits) -> Result<(), Invalid> {
    let expected = b"HTTP/";
    let same = bytes.iter().zip(expected).take_while(|(a, b)| a == b).count();
    if limits.lax || same == bytes.len().min(expected.len()) {
        return Ok(());
    }
    Err(invalid(same, "not a response of HTTP"))
}

fn status_line(line: &[u8], at: usize, limits: &Limits) -> Result<(Version, u16, Range<usize>), Invalid> {
    let end = memchr(b' ', line).ok_or(invalid(at, "a response without status"))?;
    let version = version(&line[..end], limits.lax).ok_or(invalid(at, "not a response of HTTP"))?;
    let start = end + line[end..].iter().take_while(|byte| **byte == b' ').count();
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let behind = &line[start + digits..];
    if digits != 3 || line[start] == b'0' || !matches!(behind.first(), None | Some(b' ')) {
        return Err(invalid(at + start, "a status that is not three digits"));
    }
    let status = line[start..start + 3].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let reason = line.len() - behind.len() + usize::from(!behind.is_empty())..line.len();
    Ok((version, status, at + reason.start..at + reason.end))
}

#[cfg(test)]
mod tests;
