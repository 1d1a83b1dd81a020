//! What a head says of the message's body and connection (RFC 9112 section 6, RFC 9110 section 7.6.1).
//!
//! Where two readers of one message could disagree about its end, a request can be smuggled in. So, as HAProxy does:
//! `Content-Length` beside `Transfer-Encoding` is dropped, equal repetitions become one, all else that is odd is refused.

use super::head::{Headers, RequestHead, ResponseHead, Version};

/// What matters for the body's end and for the connection; the rest of the fields is for others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// `Content-Length`.
    pub length: Option<u64>,
    /// `Transfer-Encoding` ends in `chunked`.
    pub chunked: bool,
    /// Tokens of `Connection`. `close` and `keep-alive` are taken out of the field: they concern this connection only.
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
    /// There is an `Upgrade` field.
    pub protocol: bool,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// After as many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// The body of a request: none, unless the head says so.
pub fn request_body(method: &[u8], facts: &Facts) -> Body {
    if method == b"CONNECT" {
        return Body::None;
    }
    match facts {
        Facts { chunked: true, .. } => Body::Chunked,
        Facts { length: Some(length @ 1..), .. } => Body::Length(*length),
        _ => Body::None,
    }
}

/// The body of a response, which depends on what was asked.
pub fn response_body(method: &[u8], status: u16, facts: &Facts) -> Body {
    if has_no_body(method, status) {
        return Body::None;
    }
    match facts {
        Facts { chunked: true, .. } => Body::Chunked,
        Facts { length: Some(0), .. } => Body::None,
        Facts { length: Some(length), .. } => Body::Length(*length),
        _ => Body::UntilClose,
    }
}

/// Whether a response cannot have a body, whatever its fields say.
pub fn has_no_body(method: &[u8], status: u16) -> bool {
    method == b"HEAD" || matches!(status, 100..=199 | 204 | 304) || method == b"CONNECT" && matches!(status, 200..=299)
}

/// Makes the fields of a request agree with how its body ends, whatever rules did to them: a reader that is told of
/// another end takes what is behind it for a message of its own. That it comes in chunks is said where it is written.
pub fn reframe(headers: &mut Headers, body: Body) {
    headers.retain(|name, value| match name.len() {
        14 if name.eq_ignore_ascii_case(b"content-length") => match body {
            Body::Length(length) => decimal(value) == Some(length),
            Body::None => decimal(value) == Some(0),
            Body::Chunked | Body::UntilClose => false,
        },
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
            body == Body::Chunked && value.eq_ignore_ascii_case(b"chunked")
        }
        _ => true,
    });
    if let Body::Length(length) = body
        && !headers.contains(b"content-length")
    {
        headers.add(b"content-length", length.to_string().as_bytes());
    }
}

/// [`reframe`] for a response to a request of this method. What only tells of a body that does not come stays.
pub fn reframe_response(method: &[u8], head: &mut ResponseHead, body: Body) {
    match body {
        Body::None if has_no_body(method, head.status) => {}
        Body::None => reframe(&mut head.headers, Body::Length(0)),
        Body::Length(_) | Body::Chunked => reframe(&mut head.headers, body),
        Body::UntilClose => {}
    }
}

/// What is wrong, and the status for it.
type Refusal = (&'static str, u16);

/// Takes the facts of a request out of its fields, and the fields that may appear once down to one.
pub(super) fn settle_request(head: &mut RequestHead, lax: bool) -> Result<Facts, Refusal> {
    let mut seen = Seen::new(&head.headers)?;
    if head.version == Version::Http09 {
        seen.facts.close = true;
    }
    check_host(head, lax)?;
    seen.settle(&mut head.headers)
}

/// Takes the facts of a response out of its fields.
pub(super) fn settle_response(head: &mut ResponseHead) -> Result<Facts, Refusal> {
    let seen = Seen::new(&head.headers)?;
    let mut facts = seen.settle(&mut head.headers)?;
    if matches!(head.status, 100..=199 | 204) && (facts.length.is_some() || facts.chunked) {
        head.headers.remove(b"content-length");
        head.headers.remove(b"transfer-encoding");
        (facts.length, facts.chunked) = (None, false);
    }
    Ok(facts)
}

/// What one pass over the fields finds.
#[derive(Default)]
struct Seen {
    facts: Facts,
    lengths: u32,
    codings: u32,
    /// `Connection` has tokens that go.
    hop: bool,
    /// More than one `Host`.
    hosts: u32,
    /// A coding besides chunked.
    other_coding: bool,
}

impl Seen {
    fn new(headers: &Headers) -> Result<Self, Refusal> {
        let mut seen = Self::default();
        for (name, value) in headers.iter() {
            // Most names have another length than these, so that they cost one comparison.
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => seen.hosts += 1,
                7 if name.eq_ignore_ascii_case(b"upgrade") => seen.facts.protocol = true,
                10 if name.eq_ignore_ascii_case(b"connection") => seen.connection(value),
                14 if name.eq_ignore_ascii_case(b"content-length") => seen.length(value)?,
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => seen.coding(value)?,
                _ => {}
            }
        }
        Ok(seen)
    }

    fn connection(&mut self, value: &[u8]) {
        for token in tokens(value) {
            if token.eq_ignore_ascii_case(b"close") {
                (self.facts.close, self.hop) = (true, true);
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                (self.facts.keep_alive, self.hop) = (true, true);
            } else if token.eq_ignore_ascii_case(b"upgrade") {
                self.facts.upgrade = true;
            }
        }
    }

    /// A number, or a list of the same number.
    fn length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let bad = ("Content-Length is not one number", 400);
        for item in value.split(|byte| *byte == b',') {
            let length = decimal(item.trim_ascii()).ok_or(bad)?;
            if self.facts.length.is_some_and(|before| before != length) {
                return Err(("several lengths that differ", 400));
            }
            self.facts.length = Some(length);
            self.lengths += 1;
        }
        Ok(())
    }

    /// `chunked` once, and as the last one.
    fn coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.codings += 1;
        for coding in tokens(value) {
            if self.facts.chunked {
                return Err(("a transfer coding after chunked", 400));
            }
            if coding.eq_ignore_ascii_case(b"chunked") {
                self.facts.chunked = true;
            } else {
                self.other_coding = true;
            }
        }
        Ok(())
    }

    fn settle(self, headers: &mut Headers) -> Result<Facts, Refusal> {
        let mut facts = self.facts;
        if self.codings > 0 && !facts.chunked {
            return Err(("the last transfer coding is not chunked", 400));
        }
        if self.other_coding {
            return Err(("a transfer coding besides chunked", 422));
        }
        if facts.chunked && facts.length.take().is_some() {
            headers.remove(b"content-length");
        }
        if self.lengths > 1 && !facts.chunked {
            let first = headers.get(b"content-length").and_then(|value| tokens(value).next()).unwrap_or(b"0").to_vec();
            headers.set(b"Content-Length", &first);
        }
        if self.hosts > 1 {
            let mut before = 0;
            headers.retain(|name, _| !name.eq_ignore_ascii_case(b"host") || std::mem::replace(&mut before, 1) == 0);
        }
        if self.hop {
            drop_hop_tokens(headers);
        }
        Ok(facts)
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Digits alone; what does not fit is refused.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

/// Takes `close` and `keep-alive` out of `Connection`; what is left stays, for whoever it is meant.
fn drop_hop_tokens(headers: &mut Headers) {
    let stays = |token: &&[u8]| !token.eq_ignore_ascii_case(b"close") && !token.eq_ignore_ascii_case(b"keep-alive");
    let is_connection = |name: &[u8]| name.eq_ignore_ascii_case(b"connection");
    headers.retain(|name, value| !is_connection(name) || tokens(value).any(|token| stays(&token)));
    for place in 0..headers.len() {
        let Some((name, value)) = headers.iter().nth(place) else { break };
        if is_connection(name) {
            let rest = tokens(value).filter(stays).collect::<Vec<_>>().join(&b", "[..]);
            headers.replace_value(place, &rest);
        }
    }
}

/// All `Host` fields are one, and the URI's authority where it has one (RFC 9112 section 3.2.2).
fn check_host(head: &RequestHead, lax: bool) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(b"host");
    let Some(host) = hosts.next() else { return Ok(()) };
    if hosts.any(|other| other != host) {
        return Err(("several Host fields that differ", 400));
    }
    let Some(authority) = head.authority() else { return Ok(()) };
    let default = match head.uri() {
        uri if uri.starts_with(b"https:") => &b":443"[..],
        uri if uri.starts_with(b"http:") => b":80",
        _ if head.method() == b"CONNECT" && authority.ends_with(b":443") => b":443",
        _ => b":80",
    };
    let bare = |name: &[u8]| name.strip_suffix(default).unwrap_or(name).to_ascii_lowercase();
    let authority = authority.rsplit(|byte| *byte == b'@').next().unwrap_or(authority);
    if !lax && bare(authority) != bare(host) {
        return Err(("Host is not the URI's authority", 400));
    }
    Ok(())
}
