//! Frames of a link: a channel (1 byte), a length (4 bytes, big endian), and that many bytes.
//!
//! A frame of no bytes ends its channel.

use super::super::{ExitStatus, TerminalSize};
use bytes::{Buf, Bytes};
use serde_json::{Value, json};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes in one frame, at most: a few packets' worth, so that channels take turns.
pub const LARGEST: usize = 32 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    Stdin,
    Stdout,
    Stderr,
    /// A terminal's new size, as JSON; one in a frame.
    Resize,
    /// How the session ended, as JSON: the last frame of all, from the agent.
    Status,
    /// A channel and a count of frames (1 byte each) that its sender may send in addition. 0: it is wanted no more.
    Window,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub channel: Channel,
    pub bytes: Bytes,
}

impl Channel {
    const ALL: [Self; 6] = [Self::Stdin, Self::Stdout, Self::Stderr, Self::Resize, Self::Status, Self::Window];

    fn read(number: u8) -> io::Result<Self> {
        Self::ALL.get(usize::from(number)).copied().ok_or_else(|| strange(format!("there is no channel {number}")))
    }
}

impl Frame {
    pub fn end(channel: Channel) -> Self {
        Self { channel, bytes: Bytes::new() }
    }

    pub fn window(of: Channel, count: u8) -> Self {
        Self { channel: Channel::Window, bytes: Bytes::copy_from_slice(&[of as u8, count]) }
    }

    pub fn status(status: &ExitStatus) -> Self {
        let document = match status {
            ExitStatus::Exited(code) => json!({"code": code}),
            ExitStatus::Failed(text) => json!({"failed": text}),
        };
        Self { channel: Channel::Status, bytes: document.to_string().into() }
    }

    /// # Errors
    /// If the other side has ended, or sends something else than frames.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let channel = Channel::read(from.read_u8().await?)?;
        let length = from.read_u32().await? as usize;
        if length > LARGEST {
            return Err(strange(format!("a frame of {length} bytes; {LARGEST} are the most")));
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes).await?;
        Ok(Self { channel, bytes: bytes.into() })
    }

    /// # Errors
    /// If the connection does not take it.
    pub async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let length = u32::try_from(self.bytes.len()).map_err(|error| strange(error.to_string()))?;
        to.write_u8(self.channel as u8).await?;
        to.write_u32(length).await?;
        to.write_all(&self.bytes).await
    }

    /// Reads a `Window` frame.
    pub fn as_window(&self) -> io::Result<(Channel, u8)> {
        let mut bytes = &self.bytes[..];
        match bytes.remaining() {
            2 => Ok((Channel::read(bytes.get_u8())?, bytes.get_u8())),
            count => Err(strange(format!("a window frame of {count} bytes"))),
        }
    }

    /// Reads a `Status` frame.
    pub fn as_status(&self) -> io::Result<ExitStatus> {
        let document: Value = serde_json::from_slice(&self.bytes).map_err(io::Error::other)?;
        let code = document["code"].as_i64().and_then(|code| i32::try_from(code).ok());
        match (code, document["failed"].as_str()) {
            (Some(code), _) => Ok(ExitStatus::Exited(code)),
            (None, Some(text)) => Ok(ExitStatus::Failed(text.to_owned())),
            (None, None) => Err(strange("a status without code and reason")),
        }
    }
}

/// What a `Resize` frame holds; the names are those of kubectl's.
pub fn encode_size(size: TerminalSize) -> Bytes {
    json!({"Width": size.columns, "Height": size.rows}).to_string().into()
}

/// None if it is no size.
pub fn decode_size(bytes: &[u8]) -> Option<TerminalSize> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let side = |name: &str| document[name].as_u64().and_then(|side| u16::try_from(side).ok());
    Some(TerminalSize { columns: side("Width")?, rows: side("Height")? })
}

/// The other side does not keep to the protocol.
pub fn strange(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_back_as_they_went() {
        let frames = [
            Frame { channel: Channel::Stdout, bytes: "out".into() },
            Frame::end(Channel::Stdin),
            Frame::window(Channel::Stderr, 7),
            Frame::status(&ExitStatus::Failed("no such \"file\"".to_owned())),
        ];
        let mut wire = Vec::new();
        for frame in &frames {
            frame.write(&mut wire).await.unwrap();
        }
        assert_eq!(wire[..8], *b"\x01\0\0\0\x03out");
        let mut from = &wire[..];
        for frame in &frames {
            assert_eq!(Frame::read(&mut from).await.unwrap(), *frame);
        }
        assert_eq!(Frame::read(&mut from).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(frames[2].as_window().unwrap(), (Channel::Stderr, 7));
        assert_eq!(frames[3].as_status().unwrap(), ExitStatus::Failed("no such \"file\"".to_owned()));
    }

    #[tokio::test]
    async fn what_is_no_frame_is_refused() {
        for (wire, why) in [
            (&b"\x09\0\0\0\0"[..], "there is no channel 9"),
            (b"\x01\xff\0\0\0", "a frame of 4278190080 bytes; 32768 are the most"),
        ] {
            assert_eq!(Frame::read(&mut &wire[..]).await.unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn sizes() {
        let size = TerminalSize { columns: 80, rows: 24 };
        assert_eq!(decode_size(&encode_size(size)), Some(size));
        assert_eq!(decode_size(b"{\"Width\":-1,\"Height\":2}"), None);
    }
}
