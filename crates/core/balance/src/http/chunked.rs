//! The chunked coding (RFC 9112 section 7.1): read piece by piece as it comes, and written.

use super::head::Headers;
use super::parse::{self, Limits};
use std::ops::Range;

/// Bytes of extensions behind one chunk's size, at most. Nobody uses them; we drop them.
const LONGEST_EXTENSION: u32 = 4096;

/// Digits of a size, at most: 16^15 bytes in one chunk are enough.
const MOST_DIGITS: u32 = 15;

/// Where in the coding the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the size, after so many digits.
    Size {
        digits: u32,
    },
    /// Behind the size: blanks, extensions; so many bytes of them.
    Extension {
        bytes: u32,
    },
    /// The LF of the size's line.
    SizeEnd,
    Data,
    /// The CR, or the LF, behind data.
    DataEnd,
    DataLf,
    Trailers,
    Done,
}

/// Reads a chunked body.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Bytes of the chunk that are yet to come.
    left: u64,
    /// Lines of the trailer section, as far as they have come. Empty, and without memory, for most.
    trailers: Vec<u8>,
}

/// What came of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the input that are dealt with.
    pub used: usize,
    /// Bytes of the body among them.
    pub data: Range<usize>,
}

/// It is not the chunked coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a chunk, from byte {0}")]
pub struct BadChunk(pub usize);

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Size { digits: 0 }, left: 0, trailers: Vec::new() }
    }
}

impl Decoder {
    /// The last chunk and all trailers have been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads up to the end of one chunk's data, of the input, or of the body. To be called until the input is used up or
    /// the body is done.
    pub fn decode(&mut self, input: &[u8], limits: &Limits) -> Result<Piece, BadChunk> {
        let mut place = 0;
        while place < input.len() {
            match self.state {
                State::Done => break,
                State::Data => {
                    let data = input.len().min(place.saturating_add(usize::try_from(self.left).unwrap_or(usize::MAX)));
                    self.left -= (data - place) as u64;
                    if self.left == 0 {
                        self.state = State::DataEnd;
                    }
                    return Ok(Piece { used: data, data: place..data });
                }
                State::Trailers => place = self.read_trailers(input, place, limits)?,
                _ => {
                    self.state = self.step(input[place]).ok_or(BadChunk(place))?;
                    place += 1;
                }
            }
        }
        Ok(Piece { used: place, data: place..place })
    }

    /// The fields behind the last chunk, once done. What frames or routes a message must not come so late
    /// (RFC 9110 section 6.5.1) and is left out.
    pub fn take_trailers(&mut self, limits: &Limits) -> Headers {
        let mut fields = Headers::default();
        if self.trailers.len() > 2 && matches!(parse::trailers(&self.trailers, limits, &mut fields), Ok(Some(_))) {
            fields.retain(|name, _| !FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden)));
        }
        self.trailers = Vec::new();
        fields
    }

    fn step(&mut self, byte: u8) -> Option<State> {
        Some(match (self.state, byte) {
            (State::Size { digits }, _) if byte.is_ascii_hexdigit() && digits < MOST_DIGITS => {
                self.left = self.left * 16 + u64::from((byte as char).to_digit(16)?);
                State::Size { digits: digits + 1 }
            }
            (State::Size { digits: 1.. }, b'\r') | (State::Extension { .. }, b'\r') => State::SizeEnd,
            (State::Size { digits: 1.. } | State::Extension { .. } | State::SizeEnd, b'\n') if self.left == 0 => {
                State::Trailers
            }
            (State::Size { digits: 1.. } | State::Extension { .. } | State::SizeEnd, b'\n') => State::Data,
            (State::Size { digits: 1.. }, b' ' | b'\t' | b';') => State::Extension { bytes: 0 },
            (State::Extension { bytes }, _) if byte != 0 && bytes < LONGEST_EXTENSION => {
                State::Extension { bytes: bytes + 1 }
            }
            (State::DataEnd, b'\r') => State::DataLf,
            (State::DataEnd | State::DataLf, b'\n') => State::Size { digits: 0 },
            _ => return None,
        })
    }

    /// Takes lines up to the empty one.
    fn read_trailers(&mut self, input: &[u8], place: usize, limits: &Limits) -> Result<usize, BadChunk> {
        let end = memchr::memchr(b'\n', &input[place..]).map_or(input.len(), |end| place + end + 1);
        if self.trailers.len() + (end - place) > limits.bytes {
            return Err(BadChunk(place));
        }
        self.trailers.extend_from_slice(&input[place..end]);
        let whole = self.trailers.as_slice();
        if matches!(whole, b"\r\n" | b"\n") || whole.ends_with(b"\n\r\n") || whole.ends_with(b"\n\n") {
            if parse::trailers(whole, limits, &mut Headers::default()).is_err() {
                return Err(BadChunk(place));
            }
            self.state = State::Done;
        }
        Ok(end)
    }
}

/// Fields that no trailer section may carry.
const FORBIDDEN: &[&[u8]] = &[
    b"authorization",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"host",
    b"set-cookie",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
];

/// Writes one chunk; nothing for no bytes, since an empty chunk would be the last one.
pub fn encode(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    encode_size(data.len(), out);
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

fn encode_size(mut size: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 16];
    let mut first = digits.len();
    while size > 0 {
        first -= 1;
        digits[first] = b"0123456789abcdef"[size % 16];
        size /= 16;
    }
    out.extend_from_slice(&digits[first..]);
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk and the trailers.
pub fn encode_end(trailers: &Headers, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    super::serialize::fields(trailers, out);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// Feeds the text in pieces of every size: the result must not depend on it.
    #[track_caller]
    fn check(text: &str, expected: Expect) {
        let results: Vec<_> = (1..=text.len()).map(|size| decode(text.as_bytes(), size)).collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{results:?}");
        expected.assert_eq(&results[0]);
    }

    fn decode(text: &[u8], size: usize) -> String {
        let (mut decoder, mut body, mut used) = (Decoder::default(), Vec::new(), 0);
        let limits = Limits::default();
        for piece in text.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() && !decoder.is_done() {
                let Ok(found) = decoder.decode(rest, &limits) else { return "bad".to_owned() };
                body.extend_from_slice(&rest[found.data.clone()]);
                (rest, used) = (&rest[found.used..], used + found.used);
            }
        }
        let mut trailers = Vec::new();
        let end = if decoder.is_done() { format!("{} left", text.len() - used) } else { "more".to_owned() };
        super::super::serialize::fields(&decoder.take_trailers(&limits), &mut trailers);
        format!("{} | {} | {end}", body.escape_ascii(), trailers.escape_ascii())
    }

    #[test]
    fn decodes() {
        check("4\r\nBODY\r\n0\r\n\r\nGET", expect!["BODY |  | 3 left"]);
        check("4;ext=1\r\nBODY\r\n00\r\nX-T: 1\r\nHost: a\r\n\r\n", expect![[r#"BODY | x-t: 1\r\n | 0 left"#]]);
        check("4 \nBODY\n0\n\n", expect!["BODY |  | 0 left"]);
        check("4\r\nBO", expect!["BO |  | more"]);
        check("1\r\na\r\nB\r\n0123456789a\r\n0\r\n", expect!["a0123456789a |  | more"]);
        check("0x4\r\nBODY", expect!["bad"]);
        check("\r\nBODY", expect!["bad"]);
        check("-1\r\nBODY", expect!["bad"]);
        check("4\r\nBODYX\r\n", expect!["bad"]);
        check("4\rX\nBODY\r\n", expect!["bad"]);
        check("ffffffffffffffff\r\n", expect!["bad"]);
        check("0\r\nno field\r\n\r\n", expect!["bad"]);
    }

    #[test]
    fn encodes() {
        let mut out = Vec::new();
        encode(b"", &mut out);
        encode(b"0123456789abcdefg", &mut out);
        encode_end(&Headers::default(), &mut out);
        assert_eq!(out, b"11\r\n0123456789abcdefg\r\n0\r\n\r\n");
    }
}
