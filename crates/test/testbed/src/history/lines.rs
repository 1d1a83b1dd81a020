//! Histories in files: a record of JSON a line.

use super::Record;
use std::path::Path;

/// The records of a file. A last line without an end is dropped: its writer was killed within it.
///
/// # Panics
/// If the file cannot be read, or a whole line of it is no record.
pub fn read(path: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

pub(super) fn parse(text: &str) -> Result<Vec<Record>, String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().enumerate();
    lines.map(|(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1))).collect()
}
