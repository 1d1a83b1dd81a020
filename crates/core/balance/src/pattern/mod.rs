//! Patterns: what ACLs and maps compare samples with, and the lists of them that the statistics socket may change.
//!
//! A [`List`] is text as written: patterns, and values where it is a map. A [`Matcher`] is one use of a list: a
//! method, and an index made for it. Changing a list raises its version; each use makes its index anew when it is
//! next asked, so that an unchanged list costs one comparison.

mod index;
mod library;
mod list;
mod matcher;
mod method;
mod number;
mod regex;
#[cfg(test)]
mod tests;
mod versions;

pub use library::Library;
pub use list::{Entry, Key, List};
pub use matcher::{Flags, Matcher, Output};
pub use method::Method;
pub use number::{Range, Syntax};
pub use regex::Regex;
pub use versions::Answer;

/// Bytes written as hexadecimal digits.
pub(crate) fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some(wrong) = text.chars().find(|letter| !letter.is_ascii_hexdigit()) {
        return Err(match text.len() % 2 {
            0 => format!("an hex digit is expected (found '{wrong}')"),
            _ => "an even number of hex digit is expected".into(),
        });
    }
    if text.len() % 2 == 1 {
        return Err("an even number of hex digit is expected".into());
    }
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
    Ok(text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}
