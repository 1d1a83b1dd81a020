//! The compressed protocol: packets travel inside of frames of their own, deflated where that makes them shorter.
//!
//! Source: MySQL internals "Compressed Packet": three bytes of length, one of sequence, three of the length before
//! compression (0: not compressed).

use super::stream::Stream;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use mysql::protocol::packet;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const HEADER: usize = 7;

/// Shorter payloads are sent as they are: MariaDB's and MySQL's own limit.
const MINIMUM: usize = 50;

/// The most that goes into one frame.
const FRAME: usize = 0xff_ffff;

/// Of a buffer that was emptied; what it had more is given back.
const KEPT: usize = 4 * 1024;

/// zlib's default.
const LEVEL: u32 = 6;

pub struct Compressed {
    stream: Stream,
    /// As read, until a frame is whole.
    raw: Vec<u8>,
    /// Of frames that were whole.
    plain: Vec<u8>,
    taken: usize,
    out: Vec<u8>,
    sent: usize,
    sequence: u8,
    /// Of the side that begins each command.
    commands: Option<Commands>,
}

impl Compressed {
    /// `raw`: what was read beyond the log-in.
    pub fn new(stream: Stream, raw: Vec<u8>) -> Self {
        let (plain, out) = (Vec::new(), Vec::new());
        Self { stream, raw, plain, taken: 0, out, sent: 0, sequence: 0, commands: None }
    }

    /// The side that begins each command: there the sequence of frames begins anew, and servers insist on it.
    pub fn to_server(stream: Stream, raw: Vec<u8>) -> Self {
        Self { commands: Some(Commands::default()), ..Self::new(stream, raw) }
    }

    pub fn inner(&self) -> &Stream {
        &self.stream
    }

    /// Takes one whole frame out of what was read; false while there is none.
    fn unpack(&mut self) -> io::Result<bool> {
        let Some(&[a, b, c, sequence, d, e, f]) = self.raw.first_chunk::<HEADER>() else { return Ok(false) };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        let before = usize::from(d) | usize::from(e) << 8 | usize::from(f) << 16;
        let Some(body) = self.raw.get(HEADER..HEADER + length) else { return Ok(false) };
        if self.taken == self.plain.len() {
            self.plain.clear();
            self.plain.shrink_to(KEPT);
            self.taken = 0;
        }
        if before == 0 {
            self.plain.extend_from_slice(body);
        } else {
            // Never more than was said, whatever is in it.
            let read = ZlibDecoder::new(body).take(before as u64).read_to_end(&mut self.plain)?;
            if read != before {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a compressed packet is shorter than it says"));
            }
        }
        self.raw.drain(..HEADER + length);
        self.raw.shrink_to(KEPT.max(self.raw.len()));
        self.sequence = sequence.wrapping_add(1);
        if let Some(commands) = &mut self.commands {
            commands.last = 0;
        }
        Ok(true)
    }

    fn pack(&mut self, bytes: &[u8]) -> io::Result<()> {
        let deflated = if bytes.len() < MINIMUM {
            None
        } else {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(LEVEL));
            encoder.write_all(bytes)?;
            Some(encoder.finish()?).filter(|deflated| deflated.len() < bytes.len())
        };
        let (body, before) = deflated.as_deref().map_or((bytes, 0), |deflated| (deflated, bytes.len()));
        self.out.extend_from_slice(&(body.len() as u32).to_le_bytes()[..3]);
        self.out.push(self.sequence);
        self.out.extend_from_slice(&(before as u32).to_le_bytes()[..3]);
        self.out.extend_from_slice(body);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    fn poll_drain(&mut self, cx: &mut Context) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.out.clear();
        self.out.shrink_to(KEPT);
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Compressed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.taken == this.plain.len() {
            if this.unpack()? {
                continue;
            }
            let mut bytes = [0; 16 * 1024];
            let mut raw = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut raw))?;
            if raw.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.raw.extend_from_slice(raw.filled());
        }
        let count = buffer.remaining().min(this.plain.len() - this.taken);
        buffer.put_slice(&this.plain[this.taken..this.taken + count]);
        this.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Compressed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_drain(cx))?;
        let mut now = &bytes[..bytes.len().min(FRAME)];
        if let Some(commands) = &mut this.commands {
            let (count, begins) = commands.frame(now);
            now = &now[..count];
            this.sequence = if begins { 0 } else { this.sequence };
        }
        this.pack(now)?;
        // What is left goes with the next write or flush.
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(now.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Finds in what is written where commands begin.
#[derive(Default)]
struct Commands {
    /// Bytes of the packet under way that are still to come.
    left: usize,
    /// Sequence number of the last packet since something was read: behind 255 comes a 0 that begins nothing.
    last: u8,
}

impl Commands {
    /// How many of `bytes` go into one frame, and whether a command begins with the first of them.
    fn frame(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = self.left.min(bytes.len());
        self.left -= at;
        let mut begins = false;
        while let Some(&[a, b, c, sequence]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            if sequence == 0 && self.last != u8::MAX {
                if at > 0 {
                    return (at, begins);
                }
                begins = true;
            }
            self.last = sequence;
            let whole = packet::HEADER + packet::header([a, b, c, sequence]).0;
            let now = whole.min(bytes.len() - at);
            self.left = whole - now;
            at += now;
        }
        // Less than a packet's head cannot be judged yet, unless it is all there is.
        (if at == 0 { bytes.len() } else { at }, begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_wherever_writes_are_cut() {
        let packet = |sequence: u8, length: usize| {
            let mut packet = (length as u32).to_le_bytes()[..3].to_vec();
            packet.push(sequence);
            packet.resize(4 + length, b'x');
            packet
        };
        // A statement closed, one executed, and one of two packets.
        let all = [packet(0, 5), packet(0, 300), packet(0, 7), packet(1, 20)].concat();
        for cut in 4..all.len() {
            let mut commands = Commands::default();
            let mut begins = Vec::new();
            let mut at = 0;
            while at < all.len() {
                // Writers repeat what was not taken together with what follows.
                let end = if at < cut { cut } else { all.len() };
                let (count, begin) = commands.frame(&all[at..end]);
                if begin {
                    begins.push(at);
                }
                at += count;
            }
            let inside_a_head = [9, 313, 324].iter().any(|head| (head + 1..head + 4).contains(&cut));
            assert!(inside_a_head || begins == [0, 9, 313], "{cut}: {begins:?}");
        }
    }

    #[test]
    fn the_packet_behind_255_begins_nothing() {
        let mut commands = Commands::default();
        assert_eq!(commands.frame(&[0, 0, 0, 255]), (4, false));
        assert_eq!(commands.frame(&[0, 0, 0, 0]), (4, false));
        assert_eq!(commands.frame(&[0, 0, 0, 0]), (4, true));
    }
}
