//! Upstream's descriptions, unpacked while a document is written.

use crate::table;
use flate2::read::ZlibDecoder;
use std::io::Read;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/docs.z"));

/// All descriptions, in the order of the table: each type's own, then its fields'.
pub struct Docs {
    text: String,
    ends: Vec<u32>,
}

impl Docs {
    pub fn load() -> Self {
        let mut text = String::new();
        // Our own build wrote it; were it damaged, descriptions would be missing and nothing else.
        _ = ZlibDecoder::new(PACKED).read_to_string(&mut text);
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == 0).map(|(at, _)| at as u32).collect();
        Self { text, ends }
    }

    pub fn of_type(&self, number: usize) -> &str {
        self.at(number + table::first_field(number))
    }

    /// Of the n-th field of a type.
    pub fn of_field(&self, number: usize, field: usize) -> &str {
        self.at(number + table::first_field(number) + 1 + field)
    }

    fn at(&self, index: usize) -> &str {
        let end = self.ends.get(index).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize + 1);
        self.text.get(start..end).unwrap_or_default()
    }
}
