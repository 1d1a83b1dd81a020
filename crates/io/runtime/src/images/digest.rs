//! SHA-256 digests computed while data flows by.

use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// `sha256:<hex>` of a byte string.
pub fn of(bytes: &[u8]) -> String {
    named(Sha256::digest(bytes).as_slice())
}

fn named(hash: &[u8]) -> String {
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in hash {
        text.push(char::from_digit((byte >> 4) as u32, 16).unwrap_or('0'));
        text.push(char::from_digit((byte & 15) as u32, 16).unwrap_or('0'));
    }
    text
}

/// A reader that hashes and counts what it passes on.
pub struct HashingReader<R> {
    inner: R,
    hash: Sha256,
    pub bytes: u64,
}

impl<R: Read> HashingReader<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// Reads the rest (padding after the end marker belongs to the digest too) and gives the digest.
    pub fn finish(mut self) -> io::Result<(String, R)> {
        io::copy(&mut self, &mut io::sink())?;
        Ok((named(self.hash.finalize().as_slice()), self.inner))
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}
