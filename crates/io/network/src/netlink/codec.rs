//! Messages and attributes, to bytes and back.

use rustix::io::Errno;

const HEADER: usize = 16;
const REQUEST: u16 = 1;
/// Flags of [`Message::new`].
pub const ACK: u16 = 4;
pub const DUMP: u16 = 0x300;
pub const REPLACE: u16 = 0x100;
pub const EXCLUSIVE: u16 = 0x200;
pub const CREATE: u16 = 0x400;
const NESTED: u16 = 0x8000;
const TYPE_MASK: u16 = 0x3fff;

/// A request under construction: a fixed head, then attributes.
#[derive(Debug, Clone)]
pub struct Message {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

/// One message of an answer.
pub struct Received {
    pub kind: u16,
    pub sequence: u32,
    pub payload: Vec<u8>,
}

impl Message {
    /// `head` is the fixed part that the message type asks for.
    pub fn new(kind: u16, flags: u16, head: &[u8]) -> Self {
        let mut message = Self { kind, flags, body: head.to_vec() };
        message.pad();
        message
    }

    pub fn bytes(mut self, attribute: u16, value: &[u8]) -> Self {
        let length = (value.len() + 4) as u16;
        self.body.extend_from_slice(&length.to_ne_bytes());
        self.body.extend_from_slice(&attribute.to_ne_bytes());
        self.body.extend_from_slice(value);
        self.pad();
        self
    }

    pub fn u8(self, attribute: u16, value: u8) -> Self {
        self.bytes(attribute, &[value])
    }

    pub fn u32(self, attribute: u16, value: u32) -> Self {
        self.bytes(attribute, &value.to_ne_bytes())
    }

    pub fn text(self, attribute: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(attribute, &bytes)
    }

    /// An attribute made of attributes; `head` stands before them where the attribute asks for one.
    pub fn nest(mut self, attribute: u16, head: &[u8], fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.body.len();
        self.body.extend_from_slice(&[0; 4]);
        self.body.extend_from_slice(head);
        self.pad();
        let mut filled = fill(self);
        let length = (filled.body.len() - start) as u16;
        filled.body[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        filled.body[start + 2..start + 4].copy_from_slice(&(attribute | NESTED).to_ne_bytes());
        filled
    }

    pub fn finish(&self, sequence: u32, more_flags: u16) -> Vec<u8> {
        let length = (HEADER + self.body.len()) as u32;
        let mut bytes = Vec::with_capacity(length as usize);
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&(REQUEST | self.flags | more_flags).to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn pad(&mut self) {
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }
}

impl Received {
    /// What an acknowledgement says.
    pub fn acknowledged(&self) -> Result<(), Errno> {
        match self.payload.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)) {
            Some(0) => Ok(()),
            Some(code) => Err(Errno::from_raw_os_error(-code)),
            None => Err(Errno::BADMSG),
        }
    }
}

/// The messages of one datagram; a torn tail is left out.
pub fn messages(mut bytes: &[u8]) -> Vec<Received> {
    let mut found = Vec::new();
    while bytes.len() >= HEADER {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let length = word(0) as usize;
        if length < HEADER || length > bytes.len() {
            break;
        }
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        found.push(Received { kind, sequence: word(8), payload: bytes[HEADER..length].to_vec() });
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    found
}

/// Walks attributes: `(type without flags, value)`.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The attributes after a fixed head of `head` bytes.
    pub fn after(payload: &'a [u8], head: usize) -> Self {
        Self(payload.get(head.next_multiple_of(4)..).unwrap_or_default())
    }

    pub fn find(mut self, attribute: u16) -> Option<&'a [u8]> {
        self.find_map(|(kind, value)| (kind == attribute).then_some(value))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes([*self.0.first()?, *self.0.get(1)?]));
        let kind = u16::from_ne_bytes([*self.0.get(2)?, *self.0.get(3)?]) & TYPE_MASK;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let message = Message::new(16, CREATE, &[1, 2, 3]).text(3, "eth0").nest(18, &[], |m| m.u32(1, 7).u8(2, 9));
        let bytes = message.finish(5, ACK);
        let back = messages(&bytes);
        assert_eq!((back.len(), back[0].kind, back[0].sequence), (1, 16, 5));
        assert_eq!(Reader::after(&back[0].payload, 3).find(3), Some(&b"eth0\0"[..]));
        let nested = Reader::after(&back[0].payload, 3).find(18).unwrap();
        assert_eq!(Reader(nested).find(1), Some(&7u32.to_ne_bytes()[..]));
        assert_eq!(Reader(nested).find(2), Some(&[9][..]));
    }

    #[test]
    fn torn_bytes_end_quietly() {
        let bytes = Message::new(16, 0, &[0; 16]).text(3, "eth0").finish(1, 0);
        for end in 0..bytes.len() {
            assert!(messages(&bytes[..end]).is_empty());
            _ = Reader(&bytes[..end]).count();
        }
    }
}
