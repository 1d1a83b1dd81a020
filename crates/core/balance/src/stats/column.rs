//! A column of a table and how its values may be added up.

use super::{Kind, Row, Value};

pub struct Column {
    /// Title in the CSV, name in the other forms.
    pub name: &'static str,
    pub get: fn(&Row) -> Option<Value<'_>>,
    pub tags: Tags,
    /// Tags on one kind of object, where they differ from `tags`.
    pub tags_on: Option<(Kind, Tags)>,
    pub about: &'static str,
}

impl Column {
    pub fn tags_of(&self, kind: Kind) -> Tags {
        match self.tags_on {
            Some((other, tags)) if other == kind => tags,
            _ => self.tags,
        }
    }
}

/// Origin, nature and scope of a value, a letter each (management guide, 9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags(pub &'static str);

impl Tags {
    pub fn origin(self) -> &'static str {
        match self.letter(0) {
            b'M' => "Metric",
            b'S' => "Status",
            b'K' => "Key",
            b'C' => "Config",
            b'P' => "Product",
            _ => "Unknown",
        }
    }

    pub fn nature(self) -> &'static str {
        match self.letter(1) {
            b'A' => "Age",
            b'a' => "Avg",
            b'C' => "Counter",
            b'D' => "Duration",
            b'G' => "Gauge",
            b'L' => "Limit",
            b'M' => "Max",
            b'm' => "Min",
            b'N' => "Name",
            b'O' => "Output",
            b'R' => "Rate",
            b'T' => "Time",
            _ => "Unknown",
        }
    }

    pub fn scope(self) -> &'static str {
        match self.letter(2) {
            b'C' => "Cluster",
            b'P' => "Process",
            b'S' => "Service",
            b's' => "System",
            _ => "Unknown",
        }
    }

    fn letter(self, at: usize) -> u8 {
        self.0.as_bytes().get(at).copied().unwrap_or_default()
    }
}
