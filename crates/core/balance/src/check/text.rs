//! Text of a rule: as it stands, or made anew for each check from a log-format string.

use crate::log::Format;
use crate::sample::Context;
use std::borrow::Cow;

#[derive(Debug, Clone)]
pub(super) enum Text {
    Plain(Vec<u8>),
    Format(Box<Format>),
    /// A format that makes hexadecimal digits, which stand for bytes.
    Hex(Box<Format>),
}

impl Text {
    pub fn make(&self, context: &dyn Context) -> Cow<'_, [u8]> {
        match self {
            Self::Plain(bytes) => Cow::Borrowed(bytes),
            Self::Format(format) => Cow::Owned(render(format, context)),
            // Whatever is no byte in hexadecimal makes the whole empty, which matches nothing and sends nothing.
            Self::Hex(format) => {
                let digits = render(format, context);
                Cow::Owned(
                    std::str::from_utf8(&digits).ok().and_then(|digits| from_hex(digits).ok()).unwrap_or_default(),
                )
            }
        }
    }
}

pub(super) fn render(format: &Format, context: &dyn Context) -> Vec<u8> {
    let mut out = Vec::new();
    format.render(context, &mut out);
    out
}

/// Bytes written in hexadecimal. The error is what HAProxy says of them.
pub(super) fn from_hex(digits: &str) -> Result<Vec<u8>, String> {
    if let Some(other) = digits.chars().find(|digit| !digit.is_ascii_hexdigit()) {
        return Err(format!("invalid binary string (an hex digit is expected (found '{other}'))"));
    }
    if !digits.len().is_multiple_of(2) {
        return Err("invalid binary string (an even number of hex digit is expected)".into());
    }
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
    Ok(digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}

pub(super) fn to_hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect()
}
