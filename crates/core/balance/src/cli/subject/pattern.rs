//! Lists of patterns: ACL files, maps.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    Acl,
    Map,
}

/// A list; it may be used by ACLs and by maps at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFacts {
    pub id: u32,
    /// Empty for patterns that stand in the configuration.
    pub file: String,
    pub description: String,
    pub is_acl: bool,
    pub is_map: bool,
    /// The version that matches, and the newest one prepared.
    pub current: u32,
    pub next: u32,
    /// Of all versions.
    pub entries: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternEntry {
    /// Unique as long as the process lives; `#0x..` on the command line.
    pub id: u64,
    pub pattern: String,
    pub value: Option<String>,
}

/// Which entries: all with this pattern, or one by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    Pattern(String),
    Entry(u64),
}

/// No entry was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownEntry;

/// How one use of a list answers a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `str`, `beg`, `ip`, ...
    pub method: String,
    pub ignores_case: bool,
    /// The pattern, and whether it is in a tree; absent when nothing matches.
    pub pattern: Option<(String, bool)>,
    /// A map's value and its type.
    pub value: Option<(String, String)>,
}

pub trait Patterns {
    fn lists(&self) -> Vec<ListFacts>;
    fn patterns(&self, list: u32, version: u32) -> Vec<PatternEntry>;
    fn add_pattern(&self, list: u32, version: u32, pattern: &str, value: Option<&str>) -> Result<(), String>;
    fn set_value(&self, list: u32, pick: &Pick, value: &str) -> Result<Result<(), UnknownEntry>, String>;
    fn delete_pattern(&self, list: u32, pick: &Pick) -> Result<(), UnknownEntry>;
    /// Empties a version.
    fn clear_patterns(&self, list: u32, version: u32);
    /// Begins a version and gives its number.
    fn prepare_patterns(&self, list: u32) -> u32;
    /// Makes a version the one that matches; older ones go.
    fn commit_patterns(&self, list: u32, version: u32);
    fn look_up(&self, list: u32, kind: ListKind, value: &str) -> Vec<Found>;
}
