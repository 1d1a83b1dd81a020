//! Regular expressions as ProxySQL takes them (PCRE, bytes, a match anywhere), and what replaces their matches.
//!
//! Most run in linear time; look-around, back references and possessive repetition need the engine that backtracks.

mod replacement;
mod translate;

pub(super) use replacement::Replacement;
use translate::translate;

/// Steps of backtracking on one text, some milliseconds. PCRE has such a limit too, of 10,000,000.
const BACKTRACK_LIMIT: usize = 100_000;

#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Linear(regex::bytes::Regex),
    Backtracking(fancy_regex::Regex),
}

impl Pattern {
    /// Refuses with cause and cure.
    pub fn new(text: &str, caseless: bool) -> Result<Self, (String, String)> {
        let translated = translate(text);
        if translated.backtracks {
            let built = fancy_regex::RegexBuilder::new(&translated.source)
                .bytes_mode(fancy_regex::BytesMode::Ascii)
                .case_insensitive(caseless)
                .backtrack_limit(BACKTRACK_LIMIT)
                .build();
            return built.map(Self::Backtracking).map_err(|error| refusal(&error.to_string()));
        }
        // The flags stand in the source, so that a set of patterns can have different ones.
        let flags = if caseless { "(?i-u)" } else { "(?-u)" };
        let built = regex::bytes::Regex::new(&format!("{flags}{}", translated.source));
        built.map(Self::Linear).map_err(|error| refusal(&error.to_string()))
    }

    /// Whether it is found in the text; `None` if that took too many steps.
    pub fn is_match(&self, text: &[u8]) -> Option<bool> {
        match self {
            Self::Linear(regex) => Some(regex.is_match(text)),
            Self::Backtracking(regex) => regex.is_match(text).ok(),
        }
    }

    /// What a set of patterns is made of, if this one can be part of it.
    pub fn linear_source(&self) -> Option<&str> {
        match self {
            Self::Linear(regex) => Some(regex.as_str()),
            Self::Backtracking(_) => None,
        }
    }

    /// Number of its highest group.
    pub fn groups(&self) -> usize {
        match self {
            Self::Linear(regex) => regex.captures_len() - 1,
            Self::Backtracking(regex) => regex.captures_len() - 1,
        }
    }
}

/// The engines draw the pattern with a mark over several lines; the last one is the cause.
fn refusal(error: &str) -> (String, String) {
    let last = error.lines().last().unwrap_or(error);
    let cause = last.strip_prefix("error: ").unwrap_or(last);
    (format!("is not a regular expression: {cause}"), "write \\ before a character that is meant as it stands".into())
}
