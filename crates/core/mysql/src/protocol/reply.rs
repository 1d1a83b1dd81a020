//! OK, ERR and EOF packets.

use super::packet::{Reader, put_lenenc, put_lenenc_bytes};
use super::{Malformed, capability};

pub mod status {
    pub const IN_TRANSACTION: u16 = 1;
    pub const AUTOCOMMIT: u16 = 2;
    pub const MORE_RESULTS: u16 = 8;
    pub const CURSOR_EXISTS: u16 = 0x40;
    pub const LAST_ROW_SENT: u16 = 0x80;
    pub const NO_BACKSLASH_ESCAPES: u16 = 0x200;
    pub const IN_READ_ONLY_TRANSACTION: u16 = 0x2000;
    pub const SESSION_STATE_CHANGED: u16 = 0x4000;
    pub const ANSI_QUOTES: u16 = 0x8000;
}

pub const OK: u8 = 0;
pub const EOF: u8 = 0xfe;
pub const ERR: u8 = 0xff;
pub const LOCAL_INFILE: u8 = 0xfb;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ok<'a> {
    pub affected_rows: u64,
    pub last_insert_id: u64,
    pub status: u16,
    pub warnings: u16,
    pub info: &'a [u8],
    /// The block of [`super::tracked`]; empty where nothing changed.
    pub state: &'a [u8],
}

impl<'a> Ok<'a> {
    /// `capabilities` are those of the connection it came on.
    pub fn read(payload: &'a [u8], capabilities: u32) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.u8("kind")?;
        let affected_rows = reader.lenenc("affected rows")?;
        let last_insert_id = reader.lenenc("last insert id")?;
        let status = reader.u16("status")?;
        let warnings = reader.u16("warnings")?;
        let mut ok = Self { affected_rows, last_insert_id, status, warnings, info: &[], state: &[] };
        if !reader.is_empty() {
            ok.info = reader.lenenc_bytes("message")?;
        }
        let tracks = capabilities & capability::SESSION_TRACK != 0;
        if tracks && status & status::SESSION_STATE_CHANGED != 0 && !reader.is_empty() {
            ok.state = reader.lenenc_bytes("session state")?;
        }
        Result::Ok(ok)
    }

    /// `kind`: [`OK`], or [`EOF`] where it ends a result set.
    pub fn write(&self, out: &mut Vec<u8>, kind: u8, capabilities: u32) {
        let tracks = capabilities & capability::SESSION_TRACK != 0;
        let changed = tracks && !self.state.is_empty();
        out.push(kind);
        put_lenenc(out, self.affected_rows);
        put_lenenc(out, self.last_insert_id);
        let others = self.status & !status::SESSION_STATE_CHANGED;
        let status = if changed { others | status::SESSION_STATE_CHANGED } else { others };
        out.extend_from_slice(&status.to_le_bytes());
        out.extend_from_slice(&self.warnings.to_le_bytes());
        // Servers write the length whether sessions are tracked or not, though it is documented otherwise.
        if changed || !self.info.is_empty() {
            put_lenenc_bytes(out, self.info);
            if changed {
                put_lenenc_bytes(out, self.state);
            }
        }
    }
}

/// Warnings and status of an EOF packet.
pub fn read_eof(payload: &[u8]) -> Result<(u16, u16), Malformed> {
    let mut reader = Reader::new(payload);
    reader.u8("kind")?;
    Result::Ok((reader.u16("warnings")?, reader.u16("status")?))
}

pub fn write_eof(out: &mut Vec<u8>, warnings: u16, status: u16) {
    out.push(EOF);
    out.extend_from_slice(&warnings.to_le_bytes());
    out.extend_from_slice(&status.to_le_bytes());
}

/// An error as a client gets it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({state}): {message}", state = String::from_utf8_lossy(state))]
pub struct ServerError {
    pub code: u16,
    pub state: [u8; 5],
    pub message: String,
}

impl ServerError {
    pub fn new(code: u16, state: &[u8; 5], message: impl Into<String>) -> Self {
        Self { code, state: *state, message: message.into() }
    }

    pub fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.u8("kind")?;
        let code = reader.u16("error code")?;
        let (state, text) = match reader.rest() {
            [b'#', a, b, c, d, e, text @ ..] => ([*a, *b, *c, *d, *e], text),
            text => (*b"HY000", text),
        };
        Result::Ok(Self { code, state, message: String::from_utf8_lossy(text).into_owned() })
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(ERR);
        out.extend_from_slice(&self.code.to_le_bytes());
        out.push(b'#');
        out.extend_from_slice(&self.state);
        out.extend_from_slice(self.message.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u32 = capability::OFFERED;

    #[test]
    fn a_client_without_tracking_gets_none() {
        let ok = Ok {
            affected_rows: 1,
            last_insert_id: 300,
            status: 0x4002,
            warnings: 1,
            info: b"hi",
            state: b"\x02\x01\x31",
        };
        let mut out = Vec::new();
        ok.write(&mut out, OK, ALL);
        assert_eq!(Ok::read(&out, ALL), Result::Ok(ok));
        out.clear();
        ok.write(&mut out, OK, ALL & !capability::SESSION_TRACK);
        assert_eq!(out, b"\x00\x01\xfc\x2c\x01\x02\x00\x01\x00\x02hi");
    }

    #[test]
    fn an_error_comes_back() {
        let error = ServerError::new(1045, b"28000", "Access denied");
        let mut out = Vec::new();
        error.write(&mut out);
        assert_eq!(ServerError::read(&out), Result::Ok(error));
    }
}
