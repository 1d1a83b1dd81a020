//! A gzip stream unpacked as it comes.
//!
//! Pure: bytes in, bytes out; what one turn gives is bounded, however much the bytes that came in become.

use bytes::{Buf, Bytes};
use flate2::write::GzDecoder;
use std::io::{self, ErrorKind, Write};

pub struct Unpacker {
    gzip: GzDecoder<Vec<u8>>,
    /// Came in, and waits for its turn.
    packed: Bytes,
}

impl Unpacker {
    pub fn new() -> Self {
        Self { gzip: GzDecoder::new(Vec::new()), packed: Bytes::new() }
    }

    /// More of the stream; the bytes before have been unpacked.
    pub fn put(&mut self, packed: Bytes) {
        self.packed = packed;
    }

    /// Some more of what is packed; None if more has to come in first.
    ///
    /// # Errors
    /// For bytes that are not packed as they should be.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.packed.is_empty() {
            return Ok(None);
        }
        // It takes no more than what fills its buffer of 32 KiB: `write_all` would take everything, which can become a
        // thousand times as much.
        match self.gzip.write(&self.packed)? {
            0 => return Err(io::Error::new(ErrorKind::InvalidData, "there is more behind the end of the gzip stream")),
            taken => self.packed.advance(taken),
        }
        if self.packed.is_empty() {
            self.gzip.flush()?;
        }
        Ok(Some(std::mem::take(self.gzip.get_mut())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(plain).unwrap();
        packer.finish().unwrap()
    }

    /// The pieces that `bytes`, which come `piece` at a time, become.
    fn unpacked(bytes: &[u8], piece: usize) -> io::Result<Vec<Vec<u8>>> {
        let (mut unpacker, mut out) = (Unpacker::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            unpacker.put(Bytes::copy_from_slice(piece));
            while let Some(plain) = unpacker.next()? {
                out.push(plain);
            }
        }
        Ok(out)
    }

    #[test]
    fn a_turn_gives_little_however_much_is_packed() {
        let plain = vec![b' '; 32 * 1024 * 1024];
        let pieces = unpacked(&packed(&plain), usize::MAX).unwrap();
        let longest = pieces.iter().map(Vec::len).max().unwrap();
        assert!(longest <= 64 * 1024, "{longest}");
        assert!(pieces.concat() == plain);
    }

    #[test]
    fn a_stream_may_come_in_any_pieces() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        for piece in [1, 2, 1000, usize::MAX] {
            assert!(unpacked(&packed(&plain), piece).unwrap().concat() == plain, "{piece}");
        }
        assert_eq!(unpacked(&packed(b""), 3).unwrap().concat(), b"");
    }

    #[test]
    fn what_is_no_gzip_is_refused() {
        assert!(unpacked(b"<html>no gzip at all</html>", 5).is_err());
        assert!(unpacked(&[&packed(b"x")[..], b"more"].concat(), usize::MAX).is_err());
    }
}
