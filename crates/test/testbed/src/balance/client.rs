//! A client's connection, and answers as they are shown.

use crate::balance::scenario::bytes;
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take before its absence is what is observed.
pub const PATIENCE: Duration = Duration::from_secs(12);

/// Bodies longer than this are shown by their length and sum.
const SHOWN: usize = 600;

pub struct Connection {
    stream: TcpStream,
    /// Received, not yet asked for.
    buffer: Vec<u8>,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

impl Connection {
    /// `from` is the client's own address, where that matters.
    pub fn open(address: &str, from: Option<Ipv4Addr>) -> Result<Self, String> {
        let target: SocketAddr = address.parse().map_err(|error| format!("{address}: {error}"))?;
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, None).map_err(|error| error.to_string())?;
        if let Some(from) = from {
            socket.bind(&SocketAddr::from((from, 0)).into()).map_err(|error| format!("{from}: {error}"))?;
        }
        socket.connect_timeout(&target.into(), PATIENCE).map_err(|error| kind(&error))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, buffer: Vec::new(), end: None })
    }

    pub fn write(&mut self, text: &str) -> Result<(), String> {
        self.stream.write_all(&bytes(text)).map_err(|error| kind(&error))
    }

    /// One HTTP answer, as far as its framing says. `headless` answers (to HEAD) have no body.
    pub fn response(&mut self, headless: bool) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.whole_response(headless) {
                Some((length, body)) => {
                    let taken: Vec<u8> = self.buffer.drain(..length).collect();
                    return shown_response(&taken, &body);
                }
                None if self.end.is_some() || !self.more(end) => return self.rest(),
                None => {}
            }
        }
    }

    /// The length of the whole and the body, chunks joined.
    fn whole_response(&self, headless: bool) -> Option<(usize, Vec<u8>)> {
        let text = String::from_utf8_lossy(&self.buffer).into_owned();
        let head = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let lower = text.get(..head).unwrap_or(&text).to_ascii_lowercase();
        let status = lower.split(' ').nth(1).unwrap_or_default();
        if headless || status.starts_with('1') || matches!(status, "204" | "304") {
            return Some((head, Vec::new()));
        }
        let header = |name: &str| {
            let lines = lower.lines().filter_map(|line| line.split_once(':'));
            lines.filter(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned()).next_back()
        };
        if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            let (length, body) = dechunk(&self.buffer[head..])?;
            return Some((head + length, body));
        }
        if let Some(length) = header("content-length").and_then(|length| length.parse::<usize>().ok()) {
            return Some((head + length, self.buffer.get(head..head + length)?.to_vec()));
        }
        self.end.map(|_| (self.buffer.len(), self.buffer[head..].to_vec()))
    }

    /// All up to and with this text.
    pub fn read_until(&mut self, mark: &str) -> Vec<String> {
        let mark = bytes(mark);
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.buffer.windows(mark.len().max(1)).position(|part| part == mark) {
                let taken: Vec<u8> = self.buffer.drain(..place + mark.len()).collect();
                return lines(&taken);
            }
            if self.end.is_some() || !self.more(end) {
                return self.rest();
            }
        }
    }

    /// All that comes until the other side ends, and how it ends.
    pub fn read_all(&mut self, limit: Duration) -> Vec<String> {
        let end = Instant::now() + limit;
        while self.end.is_none() && self.more(end) {}
        self.rest()
    }

    /// What is there, and how it stands with the connection.
    fn rest(&mut self) -> Vec<String> {
        let taken = std::mem::take(&mut self.buffer);
        let mut seen = lines(&taken);
        seen.push(match self.end {
            Some(End::Closed) => "(closed)".to_owned(),
            Some(End::Reset) => "(reset)".to_owned(),
            None => "(open, nothing more comes)".to_owned(),
        });
        seen
    }

    /// Whether anything came, be it the end.
    fn more(&mut self, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
            return false;
        }
        let mut part = [0; 16384];
        match self.stream.read(&mut part) {
            Ok(0) => self.end = Some(End::Closed),
            Ok(length) => self.buffer.extend_from_slice(&part[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.end = Some(End::Reset),
        }
        true
    }

    /// Says that nothing more will be sent; answers still arrive.
    pub fn shut(&self) {
        // The other side may have gone already.
        _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends in good order and waits until the other side has ended too: what comes next does not overlap.
    pub fn finish(mut self) {
        self.shut();
        self.read_all(Duration::from_secs(3));
    }

    /// Ends with RST, as a client that was killed.
    pub fn abort(self) {
        _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

fn kind(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::ConnectionReset {
        // Whether a reset is seen already while connecting is chance.
        return "reset".to_owned();
    }
    format!("{:?}", error.kind())
}

/// Length with the last chunk's end, and the body. `None` while it is not whole.
fn dechunk(mut rest: &[u8]) -> Option<(usize, Vec<u8>)> {
    let whole = rest.len();
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let digits = String::from_utf8_lossy(&rest[..end]).into_owned();
        let length = usize::from_str_radix(digits.split(';').next().unwrap_or_default().trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if length == 0 {
            // Trailers end with an empty line.
            let trailers =
                if rest.starts_with(b"\r\n") { 2 } else { rest.windows(4).position(|f| f == b"\r\n\r\n")? + 4 };
            return Some((whole - rest.len() + trailers, body));
        }
        body.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}

fn shown_response(whole: &[u8], body: &[u8]) -> Vec<String> {
    let head = whole.windows(4).position(|four| four == b"\r\n\r\n").map_or(whole.len(), |place| place + 4);
    let mut seen = lines(&whole[..head]);
    seen.extend(lines(body).into_iter().map(|line| format!("| {line}")));
    seen
}

/// Lines with what is not text escaped; a long text by its length and sum.
pub fn lines(text: &[u8]) -> Vec<String> {
    if text.len() > SHOWN {
        let sum = text.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        return vec![format!("({} bytes, sum {sum:08x})", text.len())];
    }
    let plain = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        line.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect::<String>()
    });
    plain.map(|line| line.replace("\\'", "'").replace("\\\"", "\"").replace("\\\\", "\\")).collect()
}
