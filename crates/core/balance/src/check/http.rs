//! `option httpchk`: the request a check sends, and what there is of a response.

use super::rule::{Action, Expect, Pattern, Rule};
use super::text::Text;
use super::view::About;
use crate::http::chunked::Decoder;
use crate::http::connection::{Mode, keeps_server};
use crate::http::framing::{self, Body};
use crate::http::parse::{self, Limits, Parsed};
use crate::http::{ResponseHead, Version};
use crate::sample::Context;

/// A request of a check. What is absent has HAProxy's default: `OPTIONS / HTTP/1.0`.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub method: Option<String>,
    pub uri: Option<Text>,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`, whatever connection it goes over.
    pub version: Option<String>,
    pub headers: Vec<(String, Text)>,
    pub body: Option<Text>,
}

/// A request with its texts made, for whichever version of HTTP the connection speaks. Names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Vec<u8>,
    pub uri: Vec<u8>,
    pub version: Version,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Request {
    /// Takes over from the line `option httpchk` what a rule does not say.
    fn or(mut self, option: &Self) -> Self {
        self.method = self.method.or_else(|| option.method.clone());
        self.uri = self.uri.or_else(|| option.uri.clone());
        self.version = self.version.or_else(|| option.version.clone());
        if self.headers.is_empty() {
            self.headers = option.headers.clone();
        }
        self.body = self.body.or_else(|| option.body.clone());
        self
    }

    pub fn make(&self, about: &About, context: &dyn Context) -> HttpRequest {
        let version = match self.version.as_deref() {
            None | Some("HTTP/1.0") => Version::Http10,
            Some(_) => Version::Http11,
        };
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.make(context).into_owned());
        let body = text(&self.body).unwrap_or_default();
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let name = name.to_ascii_lowercase();
            if name != "content-length" && name != "transfer-encoding" {
                headers.push((name.into_bytes(), value.make(context).into_owned()));
            }
        }
        if let Some(state) = &about.state {
            headers.push((b"x-haproxy-server-state".to_vec(), state.clone().into_bytes()));
        }
        let method = self.method.clone().unwrap_or_else(|| "OPTIONS".into()).into_bytes();
        let bodiless = matches!(&method[..], b"OPTIONS" | b"GET" | b"HEAD" | b"DELETE" | b"TRACE" | b"CONNECT");
        if !body.is_empty() || version == Version::Http11 && !bodiless {
            headers.push((b"content-length".to_vec(), body.len().to_string().into_bytes()));
        }
        HttpRequest { method, uri: text(&self.uri).unwrap_or_else(|| b"/".to_vec()), version, headers, body }
    }
}

impl HttpRequest {
    /// As HTTP/1.
    pub fn write(mut self) -> Vec<u8> {
        let has_connection = self.headers.iter().any(|(name, _)| name == b"connection");
        if self.version == Version::Http11 && !has_connection {
            self.headers.push((b"connection".to_vec(), b"close".to_vec()));
        }
        let host = self.headers.iter().find(|(name, _)| name == b"host").map(|(_, value)| value.clone());
        if let Some(host) = host {
            self.uri = with_authority(&self.uri, &host);
        }
        let line = [&self.method, &b" "[..], &self.uri, b" ", self.version.as_str().as_bytes(), b"\r\n"];
        let mut out = line.concat();
        for (name, value) in &self.headers {
            out.extend([&name[..], b": ", value, b"\r\n"].concat());
        }
        out.extend_from_slice(b"\r\n");
        out.extend(self.body);
        out
    }
}

/// A URI that names a host gets the one of `Host`.
fn with_authority(uri: &[u8], host: &[u8]) -> Vec<u8> {
    let Some(scheme) = uri.windows(3).position(|part| part == b"://").filter(|_| uri[0] != b'/') else {
        return uri.to_vec();
    };
    let authority = &uri[scheme + 3..];
    let path = authority.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(authority.len());
    [&uri[..scheme + 3], host, &authority[path..]].concat()
}

/// The rules of an HTTP check with what its author may leave out: the request of the option's line, and a last expect
/// of 2xx and 3xx.
pub(super) fn complete(mut rules: Vec<Rule>, option: &Request) -> Vec<Rule> {
    let sends = |rule: &Rule| matches!(rule.action, Action::SendHttp(_));
    match rules.iter().position(sends) {
        Some(first) => {
            if let Action::SendHttp(request) = &mut rules[first].action {
                **request = std::mem::take(&mut **request).or(option);
            }
        }
        None => {
            let place = rules.iter().position(|rule| matches!(rule.action, Action::Expect(_))).unwrap_or(rules.len());
            rules.insert(place, Rule::new(Action::SendHttp(Box::new(option.clone()))));
        }
    }
    let last_send = rules.iter().rposition(sends).unwrap_or(0);
    if !rules[last_send..].iter().any(|rule| matches!(rule.action, Action::Expect(_))) {
        rules.push(Rule::new(Action::Expect(Box::new(Expect::new(Pattern::HttpStatus(vec![(200, 399)]))))));
    }
    rules
}

/// A response, as far as it has come.
pub(super) struct Response {
    pub head: ResponseHead,
    pub body: Vec<u8>,
    /// The body's end is here.
    pub complete: bool,
    /// Another request may follow on the same connection.
    pub persists: bool,
}

/// It is no HTTP response, or its head is longer than can be looked at.
pub(super) struct Invalid;

impl Response {
    /// Reads what has come; nothing while the head is not whole.
    pub fn read(bytes: &[u8], closed: bool) -> Result<Option<Self>, Invalid> {
        let (limits, mut head) = (Limits::default(), ResponseHead::default());
        // HAProxy forgives empty lines before a response.
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        let bytes = &bytes[start..];
        match parse::response(bytes, &limits, &mut head) {
            Err(_) => Err(Invalid),
            Ok(None) if closed => Err(Invalid),
            Ok(None) => Ok(None),
            Ok(Some(Parsed { used, facts })) => {
                let framing = framing::response_body(b"GET", head.status, &facts);
                let (body, complete) = body(&bytes[used..], framing, &limits)?;
                let persists = keeps_server((head.version, &facts), framing, Mode::KeepAlive);
                Ok(Some(Self { head, body, complete: complete || closed, persists }))
            }
        }
    }
}

fn body(bytes: &[u8], framing: Body, limits: &Limits) -> Result<(Vec<u8>, bool), Invalid> {
    Ok(match framing {
        Body::None => (Vec::new(), true),
        Body::UntilClose => (bytes.to_vec(), false),
        Body::Length(length) => match usize::try_from(length) {
            Ok(length) if length <= bytes.len() => (bytes[..length].to_vec(), true),
            _ => (bytes.to_vec(), false),
        },
        Body::Chunked => {
            let (mut decoder, mut body, mut rest) = (Decoder::default(), Vec::new(), bytes);
            while !rest.is_empty() && !decoder.is_done() {
                let piece = decoder.decode(rest, limits).map_err(|_| Invalid)?;
                body.extend_from_slice(&rest[piece.data]);
                rest = &rest[piece.used..];
            }
            (body, decoder.is_done())
        }
    })
}
