//! HTTP/1.1 as far as a browser and Prometheus need it: GET and HEAD, one request after the other.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Bytes of a request's head, at most.
const LARGEST: usize = 16 * 1024;

const HEADERS: usize = 64;

/// For a request that has begun; and between two.
const PATIENCE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Without what follows a `?`.
    pub path: String,
    pub host: Option<String>,
    /// Name and password of `Authorization: Basic`.
    pub credentials: Option<(String, String)>,
    pub keeps: bool,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn new(status: u16, kind: &'static str, body: impl Into<String>) -> Self {
        Self { status, kind, headers: Vec::new(), body: body.into() }
    }

    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

pub struct Conversation<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// `None`: it has left, or what it says cannot be read on; then it was told.
    ///
    /// # Errors
    /// The stream's.
    pub async fn request(&mut self) -> io::Result<Option<Request>> {
        let mut limit = IDLE;
        loop {
            match parse(&self.buffer) {
                Ok(Some((request, length))) => {
                    self.buffer.drain(..length);
                    return Ok(Some(request));
                }
                Ok(None) if self.buffer.len() < LARGEST => {}
                Ok(None) | Err(()) => {
                    self.answer(&Answer::text(400, "This is no request that is understood here.\n"), false, false)
                        .await?;
                    return Ok(None);
                }
            }
            if !self.buffer.is_empty() {
                limit = PATIENCE;
            }
            let read = timeout(limit, self.stream.read_buf(&mut self.buffer)).await;
            if read.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                return Ok(None);
            }
        }
    }

    /// # Errors
    /// The stream's.
    pub async fn answer(&mut self, answer: &Answer, head_only: bool, keeps: bool) -> io::Result<()> {
        let bytes = render(answer, head_only, keeps);
        timeout(PATIENCE, async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        })
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Says that nothing more comes; whoever has left already has it.
    pub async fn end(mut self) {
        _ = timeout(PATIENCE, self.stream.shutdown()).await;
    }
}

/// A whole request and its length, or that more has to come.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(()),
    };
    let header = |name: &str| {
        let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
    };
    // What has a body would be read as the next request.
    if header("transfer-encoding").is_some() || header("content-length").is_some_and(|length| length != "0") {
        return Err(());
    }
    let path = parsed.path.unwrap_or("/");
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.split('?').next().unwrap_or("/").to_owned(),
        host: header("host").map(str::to_owned),
        credentials: header("authorization").and_then(basic),
        keeps: parsed.version == Some(1)
            && !header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
    };
    Ok(Some((request, length)))
}

fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (name, password) = pair.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn render(answer: &Answer, head_only: bool, keeps: bool) -> Vec<u8> {
    let reason = match answer.status {
        200 => "OK",
        301 => "Moved Permanently",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Internal Server Error",
    };
    let mut out = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: {}\r\ncontent-length: {}\r\ncache-control: no-store\r\n",
        answer.status,
        answer.kind,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        out += &format!("{name}: {value}\r\n");
    }
    out += if keeps { "\r\n" } else { "connection: close\r\n\r\n" };
    if !head_only {
        out += &answer.body;
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let text = b"GET /metrics?x=1 HTTP/1.1\r\nHost: h:1\r\nAuthorization: Basic YTpiOmM=\r\n\r\nGET";
        let (request, length) = parse(text).unwrap().unwrap();
        assert_eq!(length, text.len() - 3);
        let credentials = Some(("a".to_owned(), "b:c".to_owned()));
        let (method, path) = ("GET".to_owned(), "/metrics".to_owned());
        assert_eq!(request, Request { method, path, host: Some("h:1".to_owned()), credentials, keeps: true });
        assert_eq!(parse(b"GET / HT"), Ok(None));
        assert_eq!(parse(b"\x16\x03\x01"), Err(()));
        assert_eq!(parse(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\n"), Err(()));
        assert!(parse(b"GET / HTTP/1.0\r\n\r\n").unwrap().is_some_and(|(request, _)| !request.keeps));
    }

    #[test]
    fn answers() {
        let text = String::from_utf8(render(&Answer::text(404, "no\n").with("x", "y"), true, false)).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 3\r\n\
             cache-control: no-store\r\nx: y\r\nconnection: close\r\n\r\n"
        );
    }
}
