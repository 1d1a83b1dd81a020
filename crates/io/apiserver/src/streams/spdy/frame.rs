//! Frames: eight bytes of head, then data or a control payload.
//!
//! Nothing here trusts the peer: every length is checked, no input panics, and what is kept is bounded.

use super::headers::{Deflater, Headers, Inflater};
use bytes::Bytes;

pub const HEAD: usize = 8;
/// Payload of a control frame, at most. Data frames are read in pieces and may be as long as the format allows.
pub const LARGEST_CONTROL: u32 = 16 * 1024;
const VERSION: u16 = 3;
const FIN: u8 = 1;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;

/// `RST_STREAM` status: this side breaks the rules.
pub const PROTOCOL_ERROR: u32 = 1;
/// The stream was refused before anything was done with it.
pub const REFUSED_STREAM: u32 = 3;
/// This side wants no more of it.
pub const CANCEL: u32 = 5;

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("SPDY version {0} is not spoken here, only 3")]
    Version(u16),
    #[error("a control frame of {0} bytes is too long")]
    ControlTooLong(u32),
    #[error("a frame ends too early")]
    Truncated,
    #[error("a header block cannot be inflated")]
    Compression,
    #[error("a header block is too large")]
    HeadersTooLarge,
    #[error("stream 0 does not exist")]
    ZeroStream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    Data { id: u32, fin: bool, length: u32 },
    Control { kind: u16, fin: bool, length: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    SynStream {
        id: u32,
        fin: bool,
        headers: Headers,
    },
    SynReply {
        id: u32,
        fin: bool,
        headers: Headers,
    },
    Reset {
        id: u32,
        status: u32,
    },
    Ping(u32),
    GoAway,
    Headers {
        id: u32,
        fin: bool,
        headers: Headers,
    },
    /// SETTINGS, WINDOW_UPDATE and what later versions add: nothing to do.
    Other,
}

impl Head {
    /// # Errors
    /// If the frame is of another protocol version, or a control frame is too long to be read.
    pub fn parse(head: [u8; HEAD]) -> Result<Self, FrameError> {
        let [a, b, c, d, flags, x, y, z] = head;
        let length = u32::from_be_bytes([0, x, y, z]);
        let fin = flags & FIN != 0;
        if a & 0x80 == 0 {
            let id = u32::from_be_bytes([a, b, c, d]);
            return if id == 0 { Err(FrameError::ZeroStream) } else { Ok(Self::Data { id, fin, length }) };
        }
        match u16::from_be_bytes([a & 0x7f, b]) {
            VERSION if length > LARGEST_CONTROL => Err(FrameError::ControlTooLong(length)),
            VERSION => Ok(Self::Control { kind: u16::from_be_bytes([c, d]), fin, length }),
            other => Err(FrameError::Version(other)),
        }
    }
}

impl Control {
    /// # Errors
    /// If the payload is too short or its headers cannot be read.
    pub fn parse(kind: u16, fin: bool, payload: &[u8], inflater: &mut Inflater) -> Result<Self, FrameError> {
        let mut rest = payload;
        Ok(match kind {
            SYN_STREAM => {
                let id = stream_id(&mut rest)?;
                // The associated stream, priority and slot mean nothing here.
                let block = rest.get(6..).ok_or(FrameError::Truncated)?;
                Self::SynStream { id, fin, headers: inflater.read(block)? }
            }
            SYN_REPLY => Self::SynReply { id: stream_id(&mut rest)?, fin, headers: inflater.read(rest)? },
            HEADERS => Self::Headers { id: stream_id(&mut rest)?, fin, headers: inflater.read(rest)? },
            RST_STREAM => Self::Reset { id: stream_id(&mut rest)?, status: word(&mut rest)? },
            PING => Self::Ping(word(&mut rest)?),
            GOAWAY => Self::GoAway,
            _ => Self::Other,
        })
    }
}

fn word(rest: &mut &[u8]) -> Result<u32, FrameError> {
    let (head, tail) = rest.split_first_chunk::<4>().ok_or(FrameError::Truncated)?;
    *rest = tail;
    Ok(u32::from_be_bytes(*head))
}

fn stream_id(rest: &mut &[u8]) -> Result<u32, FrameError> {
    match word(rest)? & 0x7fff_ffff {
        0 => Err(FrameError::ZeroStream),
        id => Ok(id),
    }
}

/// The head of a data frame; `length` is below 2^24.
pub fn data_head(id: u32, fin: bool, length: usize) -> Bytes {
    let mut frame = id.to_be_bytes().to_vec();
    frame.extend((length as u32 & 0xff_ffff | u32::from(fin) << 24).to_be_bytes());
    frame.into()
}

pub fn syn_stream(id: u32, headers: &[(&str, &str)], deflater: &mut Deflater) -> Bytes {
    let mut payload = id.to_be_bytes().to_vec();
    payload.extend([0; 6]);
    payload.extend(deflater.write(headers));
    control(SYN_STREAM, &payload)
}

pub fn syn_reply(id: u32, deflater: &mut Deflater) -> Bytes {
    let mut payload = id.to_be_bytes().to_vec();
    payload.extend(deflater.write(&[]));
    control(SYN_REPLY, &payload)
}

pub fn reset(id: u32, status: u32) -> Bytes {
    control(RST_STREAM, &[id.to_be_bytes(), status.to_be_bytes()].concat())
}

pub fn ping(id: u32) -> Bytes {
    control(PING, &id.to_be_bytes())
}

pub fn go_away(last_stream: u32) -> Bytes {
    control(GOAWAY, &[last_stream.to_be_bytes(), [0; 4]].concat())
}

fn control(kind: u16, payload: &[u8]) -> Bytes {
    let mut frame = (0x8000 | VERSION).to_be_bytes().to_vec();
    frame.extend(kind.to_be_bytes());
    frame.extend((payload.len() as u32 & 0xff_ffff).to_be_bytes());
    frame.extend(payload);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(frame: &[u8]) -> Result<Control, FrameError> {
        let (head, payload) = frame.split_first_chunk::<HEAD>().unwrap();
        match Head::parse(*head)? {
            Head::Control { kind, fin, length } => {
                assert_eq!(length as usize, payload.len());
                Control::parse(kind, fin, payload, &mut Inflater::default())
            }
            Head::Data { .. } => panic!("a data frame"),
        }
    }

    #[test]
    fn frames_come_back() {
        let syn = syn_stream(5, &[("streamtype", "stdin")], &mut Deflater::default());
        let headers = vec![("streamtype".to_owned(), "stdin".to_owned())];
        assert_eq!(parsed(&syn), Ok(Control::SynStream { id: 5, fin: false, headers }));
        assert_eq!(parsed(&reset(7, CANCEL)), Ok(Control::Reset { id: 7, status: CANCEL }));
        assert_eq!(parsed(&ping(3)), Ok(Control::Ping(3)));
        assert_eq!(parsed(&go_away(9)), Ok(Control::GoAway));
        let head = data_head(3, true, 70_000);
        assert_eq!(Head::parse(head[..].try_into().unwrap()), Ok(Head::Data { id: 3, fin: true, length: 70_000 }));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_survived() {
        let mut deflater = Deflater::default();
        let frames = [
            syn_stream(1, &[("streamtype", "error"), ("port", "80")], &mut deflater),
            reset(1, 1),
            ping(1),
            go_away(0),
        ];
        for frame in frames {
            for cut in HEAD..frame.len() {
                let (head, payload) = frame[..cut].split_first_chunk::<HEAD>().unwrap();
                if let Ok(Head::Control { kind, fin, .. }) = Head::parse(*head) {
                    _ = Control::parse(kind, fin, payload, &mut Inflater::default());
                }
            }
            for at in 0..frame.len() {
                for bit in 0..8 {
                    let mut damaged = frame.to_vec();
                    damaged[at] ^= 1 << bit;
                    let (head, payload) = damaged.split_first_chunk::<HEAD>().unwrap();
                    if let Ok(Head::Control { kind, fin, .. }) = Head::parse(*head) {
                        _ = Control::parse(kind, fin, payload, &mut Inflater::default());
                    }
                }
            }
        }
    }
}
