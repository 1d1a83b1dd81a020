//! What a server may answer to a case.

use super::wire::{ACK, Connection, DATA, END_STREAM, Frame, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS};

pub const PROTOCOL: u32 = 1;
pub const FLOW_CONTROL: u32 = 3;
pub const STREAM_CLOSED: u32 = 5;
pub const FRAME_SIZE: u32 = 6;
pub const REFUSED: u32 = 7;
pub const CANCEL: u32 = 8;
pub const COMPRESSION: u32 = 9;

#[derive(Debug, Clone)]
pub enum Expect {
    /// GOAWAY with one of these codes, or the end of the connection. As public checkers have it, the end is enough
    /// after a GOAWAY of another code, too (docs/haproxy-differences.md says where ours is another).
    ConnectionError(&'static [u32]),
    /// RST_STREAM or GOAWAY with one of these codes, or the end of the connection.
    StreamError(&'static [u32]),
    /// The stream is answered to its end.
    Response(u32),
    /// HEADERS come for the stream.
    Headers(u32),
    SettingsAck,
    PingAck([u8; 8]),
    /// The connection still answers a PING: what came was ignored.
    Alive,
    /// A stream error, or an answer of status 400.
    Malformed,
    /// DATA of this length comes first for stream 1.
    DataOf(usize),
    /// The connection ends, or says why.
    Closed,
}

impl Expect {
    /// # Errors
    /// What came instead.
    pub fn check(&self, connection: &mut Connection) -> Result<(), String> {
        if matches!(self, Self::Alive) {
            connection.send(&super::wire::frame(PING, 0, 0, b"alive?!!"));
        }
        let mut seen = Vec::new();
        loop {
            let Some(frame) = connection.next() else {
                let may_end =
                    matches!(self, Self::ConnectionError(_) | Self::StreamError(_) | Self::Malformed | Self::Closed);
                return if may_end { Ok(()) } else { Err(format!("the connection ended after {seen:?}")) };
            };
            if let Some(verdict) = self.verdict(&frame) {
                return verdict.map_err(|text| format!("{text} (after {seen:?})"));
            }
            seen.push((frame.kind, frame.stream, frame.flags));
        }
    }

    /// What a frame decides; None: go on.
    fn verdict(&self, frame: &Frame) -> Option<Result<(), String>> {
        let is_in = |codes: &[u32]| match codes.contains(&frame.code()) {
            true => Ok(()),
            false => Err(format!("code {} in a frame of type {}, not one of {codes:?}", frame.code(), frame.kind)),
        };
        match (self, frame.kind) {
            // Another code: then the connection has to end.
            (Self::ConnectionError(codes) | Self::StreamError(codes), GOAWAY) => is_in(codes).ok().map(Ok),
            (Self::StreamError(codes), RST_STREAM) => Some(is_in(codes)),
            (Self::Malformed, GOAWAY | RST_STREAM) => Some(is_in(&[PROTOCOL])),
            // 400 as an indexed field is 0x8c; else its text stands in the block.
            (Self::Malformed, HEADERS) => Some(match is_400(&frame.payload) {
                true => Ok(()),
                false => Err(format!("an answer other than 400: {:x?}", frame.payload)),
            }),
            (Self::Response(stream), DATA | HEADERS) if frame.stream == *stream && frame.flags & END_STREAM != 0 => {
                Some(Ok(()))
            }
            (Self::Headers(stream), HEADERS) if frame.stream == *stream => Some(Ok(())),
            (Self::SettingsAck, SETTINGS) if frame.flags & ACK != 0 => Some(Ok(())),
            (Self::PingAck(data), PING) if frame.flags & ACK != 0 => Some(match frame.payload == data {
                true => Ok(()),
                false => Err("another PING's data".to_owned()),
            }),
            (Self::Alive, PING) if frame.flags & ACK != 0 => Some(Ok(())),
            (Self::DataOf(length), DATA) if frame.stream == 1 => Some(match frame.payload.len() == *length {
                true => Ok(()),
                false => Err(format!("DATA of {} bytes, not {length}", frame.payload.len())),
            }),
            (Self::Closed, GOAWAY) => Some(Ok(())),
            (Self::Response(_) | Self::Headers(_) | Self::Alive | Self::SettingsAck | Self::PingAck(_), GOAWAY) => {
                Some(Err(format!("GOAWAY with code {}", frame.code())))
            }
            (Self::Response(stream) | Self::Headers(stream), RST_STREAM) if frame.stream == *stream => {
                Some(Err(format!("RST_STREAM with code {}", frame.code())))
            }
            _ => None,
        }
    }
}

/// Whether a block begins with the status 400: indexed, or as text, plain or in Huffman's code.
fn is_400(block: &[u8]) -> bool {
    block.first() == Some(&0x8c) || block.windows(3).any(|part| part == b"400")
}
