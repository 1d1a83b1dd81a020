//! Hints in the statement's first comment: `/* hostgroup=10;cache_ttl=500 */ SELECT ...`
//!
//! A hint goes before whatever rules said. One that is unknown or has no sensible value is not a hint: it is a comment.

use super::Outcome;

/// Largest `max_lag_ms`, ten minutes, as in ProxySQL 2.7.
const MOST_LAG_MS: u32 = 600_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Only a replica that is at most so many milliseconds behind, 0..=600,000.
    pub max_lag_ms: Option<u32>,
    /// Only a replica that has what was written until then: milliseconds since 1970.
    pub min_epoch_ms: Option<u64>,
    /// Only a server that has this GTID, or each of a position's.
    pub min_gtid: Option<Box<str>>,
    /// A connection of its own, not one of the pool.
    pub create_new_connection: Option<bool>,
    /// Whether it has to see what the session has written. Ours; from a rule's attributes or a hint.
    pub causal_reads: Option<bool>,
}

/// Writes what a comment says into the outcome.
pub(super) fn apply(comment: &[u8], outcome: &mut Outcome) {
    // A comment in another character set has no hints, and most comments have no `=`.
    let Some(text) = std::str::from_utf8(comment).ok().filter(|text| text.contains('=')) else { return };
    let text = text.trim().trim_start_matches("/*").trim_end_matches("*/");
    for hint in text.split(';') {
        if let Some((key, value)) = hint.split_once('=') {
            set(key.trim(), value.trim(), outcome);
        }
    }
}

fn set(key: &str, value: &str, outcome: &mut Outcome) {
    fn number<T: std::str::FromStr>(to: &mut Option<T>, value: &str, sensible: impl FnOnce(&T) -> bool) {
        if let Some(number) = value.parse().ok().filter(sensible) {
            *to = Some(number);
        }
    }
    let any = |_: &_| true;
    let hints = &mut outcome.hints;
    match key.to_ascii_lowercase().as_str() {
        "cache_ttl" => number(&mut outcome.cache_ttl, value, any),
        "query_delay" => number(&mut outcome.delay, value, any),
        "query_timeout" => number(&mut outcome.timeout, value, any),
        "query_retries" => number(&mut outcome.retries, value, |retries| *retries <= 1000),
        "hostgroup" => number(&mut outcome.destination_hostgroup, value, |_| true),
        "mirror" => number(&mut outcome.mirror_hostgroup, value, |_| true),
        "max_lag_ms" => number(&mut hints.max_lag_ms, value, |lag| *lag <= MOST_LAG_MS),
        "min_epoch_ms" => number(&mut hints.min_epoch_ms, value, any),
        "min_gtid" if !value.is_empty() => hints.min_gtid = Some(value.into()),
        "create_new_connection" => hints.create_new_connection = switch(value).or(hints.create_new_connection),
        "causal_reads" => hints.causal_reads = switch(value).or(hints.causal_reads),
        _ => {}
    }
}

fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" => Some(true),
        "0" | "false" | "off" => Some(false),
        _ => None,
    }
}
