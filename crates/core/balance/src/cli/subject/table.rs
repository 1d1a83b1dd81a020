//! Stick tables.

/// A kind of data a table stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// `conn_rate`.
    pub name: String,
    /// Milliseconds a rate is over.
    pub period: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    pub name: String,
    /// Type of the keys: `ip`, `string`, ...
    pub kind: String,
    pub size: u64,
    pub used: u64,
    /// In the order of the entries' values.
    pub stored: Vec<Stored>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Unique in its table.
    pub id: u64,
    pub key: String,
    /// Sessions that track it.
    pub used: u32,
    /// Milliseconds until it goes.
    pub expires: u64,
    pub values: Vec<u64>,
}

pub trait Tables {
    fn tables(&self) -> Vec<TableFacts>;
    fn entries(&self, table: &str) -> Vec<Entry>;
    /// The entry of a key, if there is one.
    fn entry(&self, table: &str, key: &str) -> Option<Entry>;
    /// Makes the entry of a key if need be, and sets data of these names.
    fn set_entry(&self, table: &str, key: &str, values: &[(String, u64)]) -> Result<(), String>;
    /// Removes entries; false for one that is in use.
    fn remove_entry(&self, table: &str, key: &str) -> bool;
}
