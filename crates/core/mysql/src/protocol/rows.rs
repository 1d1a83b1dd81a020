//! Result sets that the proxy itself gives: all values as text.

use super::capability;
use super::packet::{frame, frame_with, put_lenenc, put_lenenc_bytes};
use super::reply::{self, status};

/// Number of the collation utf8mb3_general_ci: what texts of the proxy itself are in.
const UTF8: u16 = 33;
/// MYSQL_TYPE_VAR_STRING.
const VAR_STRING: u8 = 0xfd;

/// A whole answer of one result set. `None` is NULL. Returns the sequence number that follows.
pub fn write<'a, R>(out: &mut Vec<u8>, sequence: u8, columns: &[impl AsRef<str>], rows: R, capabilities: u32) -> u8
where
    R: IntoIterator<Item = &'a [Option<Vec<u8>>]>,
{
    let ends_with_ok = capabilities & capability::DEPRECATE_EOF != 0;
    let mut next = frame_with(out, sequence, |out| put_lenenc(out, columns.len() as u64));
    for column in columns {
        next = frame_with(out, next, |out| write_column(out, column.as_ref()));
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

fn write_column(out: &mut Vec<u8>, name: &str) {
    for text in ["def", "", "", "", name, ""] {
        put_lenenc_bytes(out, text.as_bytes());
    }
    out.push(0x0c);
    out.extend_from_slice(&UTF8.to_le_bytes());
    out.extend_from_slice(&0xffff_u32.to_le_bytes());
    out.push(VAR_STRING);
    out.extend_from_slice(&[0, 0, 0, 0, 0]);
}
