//! Patterns: what ACLs and maps compare samples with, and the lists of them that the statistics socket may change.

/// All lists of patterns of one configuration, by number and by file.
#[derive(Debug, Default)]
pub struct Library {}
