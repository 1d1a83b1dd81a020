//! A MySQL client that costs little: text queries, results counted and thrown away.
//!
//! Protocol 4.1 with `mysql_native_password`; a result ends with its second EOF packet (no CLIENT_DEPRECATE_EOF).

use sha1::{Digest, Sha1};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use testbed::mariadb::APP;

/// LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_RESULTS, PLUGIN_AUTH.
const CAPABILITIES: u32 = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x2_0000 | 0x8_0000;
const DATABASE: &str = "sbtest";
const PLUGIN: &str = "mysql_native_password";
/// `utf8mb4_general_ci`
const COLLATION: u8 = 45;
const COM_QUIT: u8 = 1;
const COM_QUERY: u8 = 3;

pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// As the application's user, in sysbench's database.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::with_capacity(16 * 1024, stream) };
        let (greeting, _) = client.packet()?;
        let scramble = scramble(&greeting).ok_or_else(|| refused("greeting", &greeting))?;
        client.send(1, &login(&token(&scramble)))?;
        let (mut answer, mut sequence) = client.packet()?;
        if answer.first() == Some(&0xFE) {
            // Plugin's name, zero, scramble, zero.
            let scramble = answer.splitn(2, |byte| *byte == 0).nth(1).unwrap_or_default();
            client.send(sequence + 1, &token(scramble.get(..20).unwrap_or_default()))?;
            (answer, sequence) = client.packet()?;
        }
        match answer.first() {
            Some(0) => Ok(client),
            _ => Err(refused(&format!("login (packet {sequence})"), &answer)),
        }
    }

    /// Bytes of the answer, without the packets' heads.
    pub fn query(&mut self, text: &str) -> io::Result<u64> {
        self.send(0, &[&[COM_QUERY], text.as_bytes()].concat())?;
        let (first, _) = self.packet()?;
        match first.first() {
            Some(0) => return Ok(first.len() as u64),
            Some(0xFF) | None => return Err(refused(text, &first)),
            _ => {}
        }
        let (mut bytes, mut ends) = (first.len() as u64, 0);
        while ends < 2 {
            let (length, kind) = self.skip()?;
            bytes += length;
            match kind {
                0xFE if length < 9 => ends += 1,
                0xFF => return Err(refused(text, b"an error within the result")),
                _ => {}
            }
        }
        Ok(bytes)
    }

    pub fn quit(mut self) {
        // The server may be faster with its end.
        _ = self.send(0, &[COM_QUIT]);
    }

    fn send(&mut self, sequence: u8, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).expect("a short packet").to_le_bytes();
        let head = [length[0], length[1], length[2], sequence];
        self.stream.get_mut().write_all(&[&head, payload].concat())
    }

    fn head(&mut self) -> io::Result<(usize, u8)> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head)?;
        Ok((u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize, head[3]))
    }

    /// Payload and sequence number.
    fn packet(&mut self) -> io::Result<(Vec<u8>, u8)> {
        let (length, sequence) = self.head()?;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload)?;
        Ok((payload, sequence))
    }

    /// Length and first byte of a packet that nobody looks at.
    fn skip(&mut self) -> io::Result<(u64, u8)> {
        let (length, _) = self.head()?;
        let mut kind = 0;
        let mut left = length;
        while left > 0 {
            let there = self.stream.fill_buf()?;
            if there.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if left == length {
                kind = there[0];
            }
            let taken = there.len().min(left);
            self.stream.consume(taken);
            left -= taken;
        }
        Ok((length as u64, kind))
    }
}

/// The 20 bytes of a greeting: version 10, the server's name up to a zero, thread (4), 8 bytes, a zero, flags and
/// status (2 + 1 + 2 + 2), length (1), reserved (10), 12 bytes more.
fn scramble(greeting: &[u8]) -> Option<Vec<u8>> {
    if greeting.first() != Some(&10) {
        return None;
    }
    let name = greeting.iter().skip(1).position(|byte| *byte == 0)?;
    let rest = greeting.get(1 + name + 1 + 4..)?;
    Some([rest.get(..8)?, rest.get(27..39)?].concat())
}

/// SHA1(password) xor SHA1(scramble, SHA1(SHA1(password)))
fn token(scramble: &[u8]) -> Vec<u8> {
    let password = Sha1::digest(APP.1.as_bytes());
    let stored = Sha1::digest(password);
    let mask = Sha1::new().chain_update(scramble).chain_update(stored).finalize();
    password.iter().zip(mask).map(|(password, mask)| password ^ mask).collect()
}

fn login(token: &[u8]) -> Vec<u8> {
    const MAX_PACKET: u32 = 64 << 20;
    let mut packet = [CAPABILITIES.to_le_bytes(), MAX_PACKET.to_le_bytes()].concat();
    packet.push(COLLATION);
    packet.extend([0; 23]);
    packet.extend([APP.0.as_bytes(), &[0, 20], token, DATABASE.as_bytes(), &[0], PLUGIN.as_bytes(), &[0]].concat());
    packet
}

fn refused(what: &str, answer: &[u8]) -> io::Error {
    io::Error::other(format!("{what}: {}", String::from_utf8_lossy(answer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scramble_lies_in_two_parts() {
        let greeting = [b"\x0a5.5\0".as_slice(), &[1; 4], b"abcdefgh\0", &[0; 18], b"ijklmnopqrst\0"].concat();
        assert_eq!(scramble(&greeting).unwrap(), b"abcdefghijklmnopqrst");
        assert!(scramble(b"\xff\x10\x04Too many connections").is_none());
    }
}
