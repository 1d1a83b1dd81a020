//! Framing and the basic types: lengths, strings that end with a zero byte, length-encoded numbers and strings.

use super::Malformed;

/// Of a frame: three bytes of length, one of sequence.
pub const HEADER: usize = 4;

/// The longest payload of a frame; a packet that is as long or longer goes on in the next frame.
pub const MAX_FRAME: usize = 0xff_ffff;

/// Length and sequence number of the frame that begins with `header`.
pub fn header(header: [u8; HEADER]) -> (usize, u8) {
    let [a, b, c, sequence] = header;
    (usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16, sequence)
}

/// Writes `payload` as frames whose numbers begin with `sequence`; returns the number that follows.
pub fn frame(out: &mut Vec<u8>, sequence: u8, payload: &[u8]) -> u8 {
    let mut sequence = sequence;
    let mut rest = payload;
    loop {
        let (now, later) = rest.split_at(rest.len().min(MAX_FRAME));
        put_header(out, now.len(), sequence);
        out.extend_from_slice(now);
        sequence = sequence.wrapping_add(1);
        if now.len() < MAX_FRAME {
            return sequence;
        }
        rest = later;
    }
}

/// Writes one frame around what `write` appends, which must be shorter than [`MAX_FRAME`].
pub fn frame_with(out: &mut Vec<u8>, sequence: u8, write: impl FnOnce(&mut Vec<u8>)) -> u8 {
    let start = out.len();
    put_header(out, 0, sequence);
    write(out);
    let length = out.len() - start - HEADER;
    debug_assert!(length < MAX_FRAME);
    out[start..start + 3].copy_from_slice(&(length as u32).to_le_bytes()[..3]);
    sequence.wrapping_add(1)
}

fn put_header(out: &mut Vec<u8>, length: usize, sequence: u8) {
    let [a, b, c, _] = (length as u32).to_le_bytes();
    out.extend_from_slice(&[a, b, c, sequence]);
}

/// Where the packet at the start of `bytes` ends, and how many frames it has; `None` while it is not whole.
pub fn whole(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut frames) = (0, 0);
    loop {
        let head = bytes.get(at..at + HEADER)?;
        let (length, _) = header([head[0], head[1], head[2], head[3]]);
        at += HEADER + length;
        frames += 1;
        if length < MAX_FRAME {
            return (bytes.len() >= at).then_some((at, frames));
        }
    }
}

/// Takes the headers out of a packet of several frames.
pub fn unframe(bytes: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + HEADER) {
        let (length, _) = header([head[0], head[1], head[2], head[3]]);
        let end = (at + HEADER + length).min(bytes.len());
        payload.extend_from_slice(&bytes[at + HEADER..end]);
        at = end;
    }
    payload
}

pub fn put_lenenc(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=250 => out.push(value as u8),
        251..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&(value as u16).to_le_bytes());
        }
        0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&value.to_le_bytes()[..3]);
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

pub fn put_lenenc_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_lenenc(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub fn put_zero_ended(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.push(0);
}

/// Takes a payload apart from front to back.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short(what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        Ok(self.bytes(1, what)?[0])
    }

    pub fn u16(&mut self, what: &'static str) -> Result<u16, Malformed> {
        let bytes = self.bytes(2, what)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    pub fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        let bytes = self.bytes(4, what)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A length-encoded number; NULL (0xfb) is `None`.
    pub fn lenenc_or_null(&mut self, what: &'static str) -> Result<Option<u64>, Malformed> {
        let width = match self.u8(what)? {
            0xfb => return Ok(None),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            0xff => return Err(Malformed::Unknown { what, value: 0xff }),
            small => return Ok(Some(u64::from(small))),
        };
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(self.bytes(width, what)?);
        Ok(Some(u64::from_le_bytes(wide)))
    }

    pub fn lenenc(&mut self, what: &'static str) -> Result<u64, Malformed> {
        self.lenenc_or_null(what)?.ok_or(Malformed::Unknown { what, value: 0xfb })
    }

    pub fn lenenc_bytes(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let length = self.lenenc(what)?;
        self.bytes(usize::try_from(length).map_err(|_| Malformed::Short(what))?, what)
    }

    /// Up to a zero byte, which is taken too.
    pub fn zero_ended(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let end = memchr::memchr(0, self.rest).ok_or(Malformed::Short(what))?;
        let text = self.bytes(end, what)?;
        self.bytes(1, what)?;
        Ok(text)
    }

    /// Up to a zero byte, or to the end where a sender has left it out.
    pub fn zero_ended_or_rest(&mut self) -> &'a [u8] {
        let end = memchr::memchr(0, self.rest).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_as_long_as_a_frame_ends_with_an_empty_one() {
        let mut out = Vec::new();
        let next = frame(&mut out, 254, &vec![7; MAX_FRAME]);
        assert_eq!((out.len(), next), (MAX_FRAME + 2 * HEADER, 0));
        assert_eq!(whole(&out), Some((out.len(), 2)));
        assert_eq!(whole(&out[..out.len() - 1]), None);
        assert_eq!(unframe(&out), vec![7; MAX_FRAME]);
    }

    #[test]
    fn numbers_come_back() {
        for value in [0, 250, 251, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, u64::MAX] {
            let mut out = Vec::new();
            put_lenenc(&mut out, value);
            assert_eq!(Reader::new(&out).lenenc("number"), Ok(value));
        }
    }
}
