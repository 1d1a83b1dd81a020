//! Header blocks: names and values, compressed with zlib over the whole session and a dictionary both sides know.
//!
//! Invariants
//! - A block inflates to at most [`LARGEST`] bytes and [`MOST`] headers, however small it arrives.

use super::frame::FrameError;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::sync::LazyLock;

pub type Headers = Vec<(String, String)>;

/// Bytes of an inflated block, at most. Real ones are about 100.
const LARGEST: usize = 16 * 1024;
/// Headers in a block, at most. Real ones have three.
const MOST: u32 = 64;

/// Words of the dictionary that stand behind their length.
const WORDS: &str = "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges \
    age allow authorization cache-control connection content-base content-encoding content-language content-length \
    content-location content-md5 content-range content-type date etag expect expires from host if-match \
    if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma \
    proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade \
    user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie \
    keep-alive origin";
/// The rest, which has no lengths.
const REST: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 \
    Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not \
    Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov \
    Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,\
    application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-\
    8859-1,utf-,*,enq=0.";

static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = Vec::with_capacity(1423);
    for word in WORDS.split(' ').filter(|word| !word.is_empty()) {
        let word = word.replace('_', " ");
        bytes.extend((word.len() as u32).to_be_bytes());
        bytes.extend(word.as_bytes());
    }
    bytes.extend(REST.as_bytes());
    bytes
});

/// Reads the blocks of one direction of a session, all of them and in order.
pub struct Inflater(Decompress);

/// Writes the blocks of one direction of a session.
pub struct Deflater(Compress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Inflater {
    /// # Errors
    /// If the block is damaged or too large; the session is then lost, since later blocks depend on this one.
    pub fn read(&mut self, mut block: &[u8]) -> Result<Headers, FrameError> {
        let mut plain = Vec::with_capacity(512);
        let mut buffer = [0; 1024];
        loop {
            let (read, written) = (self.0.total_in(), self.0.total_out());
            let outcome = self.0.decompress(block, &mut buffer, FlushDecompress::Sync);
            let consumed = usize::try_from(self.0.total_in() - read).unwrap_or(usize::MAX);
            let produced = usize::try_from(self.0.total_out() - written).unwrap_or(usize::MAX);
            block = block.get(consumed..).unwrap_or_default();
            plain.extend_from_slice(buffer.get(..produced).unwrap_or_default());
            if plain.len() > LARGEST {
                return Err(FrameError::HeadersTooLarge);
            }
            match outcome {
                Ok(Status::StreamEnd) => return Err(FrameError::Compression),
                Ok(_) if consumed == 0 && produced == 0 => break,
                Ok(_) if block.is_empty() && produced < buffer.len() => break,
                Ok(_) => {}
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(&DICTIONARY).map_err(|_| FrameError::Compression)?;
                }
                Err(_) => return Err(FrameError::Compression),
            }
        }
        parse(&plain)
    }
}

impl Default for Deflater {
    fn default() -> Self {
        let mut compress = Compress::new(Compression::fast(), true);
        // Setting a dictionary on a fresh stream cannot fail.
        _ = compress.set_dictionary(&DICTIONARY);
        Self(compress)
    }
}

impl Deflater {
    pub fn write(&mut self, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut plain = (headers.len() as u32).to_be_bytes().to_vec();
        for (name, value) in headers {
            for text in [name, value] {
                plain.extend((text.len() as u32).to_be_bytes());
                plain.extend(text.as_bytes());
            }
        }
        let mut block = Vec::with_capacity(plain.len() + 64);
        let mut rest = &plain[..];
        loop {
            let before = self.0.total_in();
            // Compressing into memory that grows cannot fail.
            _ = self.0.compress_vec(rest, &mut block, FlushCompress::Sync);
            let consumed = usize::try_from(self.0.total_in() - before).unwrap_or(rest.len());
            rest = rest.get(consumed..).unwrap_or_default();
            if rest.is_empty() && block.len() < block.capacity() {
                return block;
            }
            block.reserve(64);
        }
    }
}

fn parse(mut plain: &[u8]) -> Result<Headers, FrameError> {
    let count = number(&mut plain)?;
    if count > MOST {
        return Err(FrameError::HeadersTooLarge);
    }
    (0..count).map(|_| Ok((text(&mut plain)?, text(&mut plain)?))).collect()
}

fn number(plain: &mut &[u8]) -> Result<u32, FrameError> {
    let (head, rest) = plain.split_first_chunk::<4>().ok_or(FrameError::Truncated)?;
    *plain = rest;
    Ok(u32::from_be_bytes(*head))
}

fn text(plain: &mut &[u8]) -> Result<String, FrameError> {
    let length = usize::try_from(number(plain)?).map_err(|_| FrameError::Truncated)?;
    let (text, rest) = plain.split_at_checked(length).ok_or(FrameError::Truncated)?;
    *plain = rest;
    Ok(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_the_drafts() {
        // The checksum that every SPDY/3 session names in its first block.
        let (mut a, mut b) = (1_u32, 0_u32);
        for &byte in DICTIONARY.iter() {
            a = (a + u32::from(byte)) % 65521;
            b = (b + a) % 65521;
        }
        assert_eq!((DICTIONARY.len(), b << 16 | a), (1423, 0xe3c6_a7c2));
    }

    #[test]
    fn blocks_of_a_session_depend_on_each_other_and_come_back() {
        let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
        for number in 0..50 {
            let id = number.to_string();
            let block = deflater.write(&[("streamtype", "error"), ("port", "80"), ("requestid", &id)]);
            let headers = inflater.read(&block).unwrap();
            assert_eq!(headers.len(), 3);
            assert_eq!(headers[2], ("requestid".to_owned(), id));
        }
    }

    #[test]
    fn a_large_value_comes_back() {
        let value = "x".repeat(10_000);
        let block = Deflater::default().write(&[("a", &value)]);
        assert_eq!(Inflater::default().read(&block).unwrap()[0].1, value);
    }

    #[test]
    fn bombs_are_refused() {
        let value = "x".repeat(1 << 20);
        let block = Deflater::default().write(&[("a", &value)]);
        assert!(block.len() < 16 * 1024, "{}", block.len());
        assert_eq!(Inflater::default().read(&block), Err(FrameError::HeadersTooLarge));
    }
}
