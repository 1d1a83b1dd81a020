//! Result sets that the proxy itself gives: values are sent as text, whatever their column's type.

use super::capability;
use super::packet::{frame, frame_with, put_lenenc, put_lenenc_bytes};
use super::reply::{self, status};

/// Number of the collation utf8mb3_general_ci: what texts of the proxy itself are in.
const UTF8: u16 = 33;
/// Number of the collation that numbers are in.
const BINARY: u16 = 63;

/// What a client takes a column's values for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// INT UNSIGNED, as CONNECTION_ID() is.
    Unsigned,
    Int,
    Bigint,
    Double,
}

impl Kind {
    /// Type, flags (NOT_NULL 1, UNSIGNED 32, BINARY 128), collation, length and decimals, as MariaDB 10.11 tells them.
    const fn definition(self) -> (u8, u16, u16, u32, u8) {
        match self {
            Self::Text => (0xfd, 0, UTF8, 0xffff, 0),
            Self::Unsigned => (0x03, 161, BINARY, 10, 0),
            Self::Int => (0x03, 129, BINARY, 7, 0),
            Self::Bigint => (0x08, 129, BINARY, 11, 0),
            Self::Double => (0x05, 129, BINARY, 7, 3),
        }
    }
}

/// [`write_typed`] with columns of text.
pub fn write<'a, R>(out: &mut Vec<u8>, sequence: u8, columns: &[impl AsRef<str>], rows: R, capabilities: u32) -> u8
where
    R: IntoIterator<Item = &'a [Option<Vec<u8>>]>,
{
    let columns: Vec<(&str, Kind)> = columns.iter().map(|name| (name.as_ref(), Kind::Text)).collect();
    write_typed(out, sequence, &columns, rows, capabilities)
}

/// A whole answer of one result set. `None` is NULL. Returns the sequence number that follows.
pub fn write_typed<'a, R>(out: &mut Vec<u8>, sequence: u8, columns: &[(&str, Kind)], rows: R, capabilities: u32) -> u8
where
    R: IntoIterator<Item = &'a [Option<Vec<u8>>]>,
{
    let ends_with_ok = capabilities & capability::DEPRECATE_EOF != 0;
    let mut next = frame_with(out, sequence, |out| put_lenenc(out, columns.len() as u64));
    for (name, kind) in columns {
        next = frame_with(out, next, |out| write_column(out, name, *kind));
    }
    if !ends_with_ok {
        next = frame_with(out, next, |out| reply::write_eof(out, 0, status::AUTOCOMMIT));
    }
    let mut row = Vec::new();
    for values in rows {
        row.clear();
        for value in values {
            match value {
                Some(value) => put_lenenc_bytes(&mut row, value),
                None => row.push(0xfb),
            }
        }
        next = frame(out, next, &row);
    }
    frame_with(out, next, |out| {
        if ends_with_ok {
            reply::Ok { status: status::AUTOCOMMIT, ..Default::default() }.write(out, reply::EOF, capabilities);
        } else {
            reply::write_eof(out, 0, status::AUTOCOMMIT);
        }
    })
}

fn write_column(out: &mut Vec<u8>, name: &str, kind: Kind) {
    let (code, flags, collation, length, decimals) = kind.definition();
    for text in ["def", "", "", "", name, ""] {
        put_lenenc_bytes(out, text.as_bytes());
    }
    out.push(0x0c);
    out.extend_from_slice(&collation.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.push(code);
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&[decimals, 0, 0]);
}
