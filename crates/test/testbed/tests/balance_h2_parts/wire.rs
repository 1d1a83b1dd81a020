//! HTTP/2 as bytes, so that a test can say what no library would: frames, header blocks, a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const WITH_PRIORITY: u8 = 0x20;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long an answer may take. What closes or answers does so in milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM and GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        self.payload.get(at..at + 4).map_or(u32::MAX, |code| u32::from_be_bytes(code.try_into().expect("4 bytes")))
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header field that is not put into the table, with a name of its own.
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0, name.len() as u8];
    bytes.extend(name.as_bytes());
    // Values of up to 126 bytes have their length in one byte; longer ones in more (RFC 7541 section 5.1).
    if value.len() < 127 {
        bytes.push(value.len() as u8);
    } else {
        bytes.push(127);
        let mut rest = value.len() - 127;
        while rest >= 128 {
            bytes.push((rest % 128 + 128) as u8);
            rest /= 128;
        }
        bytes.push(rest as u8);
    }
    bytes.extend(value.as_bytes());
    bytes
}

pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// The fields of an ordinary request.
pub fn request(method: &str) -> Vec<u8> {
    block(&[(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "test")])
}

/// A request with these fields after the usual ones.
pub fn request_with(method: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    [request(method), block(fields)].concat()
}

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The window that the server's SETTINGS give, and frames' largest size.
    pub initial_window: u32,
    pub max_frame: u32,
}

impl Connection {
    /// Without a preface.
    pub fn raw(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the balancer accepts");
        stream.set_nodelay(true).expect("a live connection");
        Self { stream, buffer: Vec::new(), initial_window: 65_535, max_frame: 16_384 }
    }

    /// Through with the exchange of SETTINGS.
    pub fn open(address: SocketAddr, settings: &[u8]) -> Self {
        let mut connection = Self::raw(address);
        connection.send(PREFACE);
        connection.send(&frame(SETTINGS, 0, 0, settings));
        let first = connection.next().expect("the server's SETTINGS come first");
        assert_eq!(first.kind, SETTINGS, "the server's SETTINGS come first");
        for setting in first.payload.chunks(6) {
            let value = u32::from_be_bytes(setting[2..].try_into().expect("4 bytes"));
            match setting[1] {
                4 => connection.initial_window = value,
                5 => connection.max_frame = value,
                _ => {}
            }
        }
        connection.send(&frame(SETTINGS, ACK, 0, &[]));
        connection
    }

    /// A connection that the other side has closed takes nothing: the reading says what happened.
    pub fn send(&mut self, bytes: &[u8]) {
        _ = self.stream.write_all(bytes);
    }

    /// The next frame; None when the connection has ended.
    ///
    /// # Panics
    /// If nothing comes for [`PATIENCE`].
    pub fn next(&mut self) -> Option<Frame> {
        let begin = Instant::now();
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            let rest = PATIENCE.checked_sub(begin.elapsed()).filter(|rest| !rest.is_zero());
            let rest = rest.unwrap_or_else(|| panic!("nothing came for {PATIENCE:?}"));
            self.stream.set_read_timeout(Some(rest)).expect("a live connection");
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(_) => return None,
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head = self.buffer.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.buffer.get(9..9 + length)?.to_vec();
        let stream = u32::from_be_bytes(head[5..9].try_into().expect("4 bytes")) & 0x7fff_ffff;
        let frame = Frame { kind: head[3], flags: head[4], stream, payload };
        self.buffer.drain(..9 + length);
        Some(frame)
    }
}
