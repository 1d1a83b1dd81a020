//! All patterns of a column at once, for rule sets that are long.
//!
//! Each pattern alone is quickest for a few rules: most fail or match within a few bytes. A set reads all of the text
//! whatever it finds, but only once.

use regex::bytes::{RegexSet, RegexSetBuilder, SetMatches};

use super::pattern::Pattern;

/// Patterns from which on a set is made.
pub(super) const WORTHWHILE: usize = 8;

/// Longest text that a set is used for, in bytes: a pattern by itself need not read a whole dump's INSERT.
const LONGEST: usize = 4096;

/// A set of the patterns of one column; empty where it is not worthwhile.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefilter {
    set: RegexSet,
    /// For each rule its place in the set.
    places: Vec<Option<usize>>,
}

impl Prefilter {
    pub fn new<'a>(patterns: impl Iterator<Item = Option<&'a Pattern>>) -> Self {
        let mut sources = Vec::new();
        let places = patterns
            .map(|pattern| {
                sources.push(pattern?.linear_source()?);
                Some(sources.len() - 1)
            })
            .collect();
        if sources.len() < WORTHWHILE {
            return Self::default();
        }
        // Each compiles by itself; all together may be too large. The rules then work one by one.
        RegexSetBuilder::new(sources).build().map(|set| Self { set, places }).unwrap_or_default()
    }
}

/// What a prefilter said of one text. Asked for when the first rule needs it.
#[derive(Default)]
pub(super) struct Verdicts(Option<SetMatches>);

impl Verdicts {
    /// Whether the rule's pattern matches; `None` if it has to be tried by itself.
    pub fn get(&mut self, prefilter: &Prefilter, rule: usize, text: &[u8]) -> Option<bool> {
        let place = (*prefilter.places.get(rule)?)?;
        if text.len() > LONGEST {
            return None;
        }
        Some(self.0.get_or_insert_with(|| prefilter.set.matches(text)).matched(place))
    }
}
