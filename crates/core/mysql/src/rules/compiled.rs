//! One rule, ready to be compared.

use std::sync::Arc;

use super::attributes::Attributes;
use super::error::RuleError;
use super::pattern::{Pattern, Replacement};
use super::{Outcome, Question};
use crate::settings::QueryRule;

#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub rule_id: i64,
    pub flag_in: i64,
    pub match_digest: Option<Pattern>,
    pub match_pattern: Option<Pattern>,
    pub attributes: Attributes,
    pub apply: bool,
    client: Client,
    digest: Option<u64>,
    replacement: Option<Replacement>,
    error_msg: Option<Arc<str>>,
    ok_msg: Option<Arc<str>>,
    /// For the columns that are taken as they are.
    row: Box<QueryRule>,
}

/// Which clients `client_addr` means.
#[derive(Debug, Clone)]
enum Client {
    Any,
    Exactly(Box<str>),
    /// `192.168.%`
    Prefix(Box<str>),
}

impl Client {
    fn new(column: Option<&str>) -> Self {
        match column {
            None => Self::Any,
            Some(text) => match text.strip_suffix('%') {
                Some("") => Self::Any,
                Some(prefix) => Self::Prefix(prefix.into()),
                None => Self::Exactly(text.into()),
            },
        }
    }

    fn matches(&self, address: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(text) => **text == *address,
            Self::Prefix(prefix) => address.starts_with(&**prefix),
        }
    }
}

impl Compiled {
    /// `None` with at least one more of `errors` if a column cannot be used.
    pub fn new(row: &QueryRule, errors: &mut Vec<RuleError>) -> Option<Self> {
        let before = errors.len();
        let mut refuse = |column, value: &str, (cause, cure): (String, String)| {
            errors.push(RuleError { rule_id: row.rule_id, column, value: value.into(), cause, cure });
        };
        let modifiers = Modifiers::parse(&row.re_modifiers)
            .map_err(|why| refuse("re_modifiers", &row.re_modifiers, why))
            .unwrap_or_default();
        let mut pattern = |column, text: &Option<String>| {
            let text = text.as_ref()?;
            Pattern::new(text, modifiers.caseless).map_err(|why| refuse(column, text, why)).ok()
        };
        let match_digest = pattern("match_digest", &row.match_digest);
        let match_pattern = pattern("match_pattern", &row.match_pattern);
        let mut replacement = None;
        if let Some(text) = &row.replace_pattern {
            let groups = match_pattern.as_ref().map(Pattern::groups);
            match Replacement::new(text, groups, modifiers.global) {
                Ok(parsed) => replacement = Some(parsed),
                // Groups of a pattern that is itself refused cannot be counted.
                Err(_) if row.match_pattern.is_some() && match_pattern.is_none() => {}
                Err(why) => refuse("replace_pattern", text, why),
            }
        }
        let digest = row.digest.as_ref().and_then(|text| {
            parse_digest(text).or_else(|| {
                let why = (
                    "is not a digest".into(),
                    "write 0x and up to 16 hex digits, as stats_mysql_query_digest does".into(),
                );
                refuse("digest", text, why);
                None
            })
        });
        let attributes = Attributes::parse(&row.attributes)
            .map_err(|why| refuse("attributes", &row.attributes, why))
            .unwrap_or_default();
        (errors.len() == before).then(|| Self {
            rule_id: row.rule_id,
            flag_in: row.flag_in,
            match_digest,
            match_pattern,
            attributes,
            apply: row.apply,
            client: Client::new(row.client_addr.as_deref()),
            digest,
            replacement,
            error_msg: row.error_msg.as_deref().map(Arc::from),
            ok_msg: row.ok_msg.as_deref().map(Arc::from),
            row: Box::new(row.clone()),
        })
    }

    /// All columns but the regular expressions.
    pub fn asker_matches(&self, question: &Question) -> bool {
        let row = &*self.row;
        let is = |column: &Option<String>, actual: &str| column.as_ref().is_none_or(|wanted| wanted == actual);
        is(&row.username, question.username)
            && is(&row.schemaname, question.schemaname)
            && self.client.matches(question.client_addr)
            && is(&row.proxy_addr, question.proxy_addr)
            && row.proxy_port.is_none_or(|port| port == question.proxy_port)
            && self.digest.is_none_or(|digest| digest == question.digest)
    }

    /// Whether one of the two patterns lets the rule match; `known` is the prefilter's answer, if it has one.
    pub fn agrees(&self, pattern: &Option<Pattern>, text: &[u8], known: impl FnOnce() -> Option<bool>) -> bool {
        let Some(pattern) = pattern else { return true };
        match known().or_else(|| pattern.is_match(text)) {
            Some(found) => found != self.row.negate_match_pattern,
            // The backtracking went too far. What is not known to match does not, negated or not.
            None => false,
        }
    }

    pub fn rewrite(&self, query: &[u8]) -> Option<Vec<u8>> {
        self.replacement.as_ref()?.apply(self.match_pattern.as_ref()?, query)
    }

    /// The flag of the rules that follow, if this one sets it.
    pub fn flag_out(&self, random: u64) -> Option<i64> {
        self.attributes.choose_flag_out(random).or(self.row.flag_out)
    }

    /// Writes every column that has a value.
    pub fn write_to(&self, outcome: &mut Outcome) {
        fn set<T: Clone>(to: &mut Option<T>, from: &Option<T>) {
            if from.is_some() {
                to.clone_from(from);
            }
        }
        let row = &*self.row;
        outcome.matched = Some(self.rule_id);
        set(&mut outcome.destination_hostgroup, &row.destination_hostgroup);
        set(&mut outcome.cache_ttl, &row.cache_ttl);
        set(&mut outcome.cache_empty_result, &row.cache_empty_result);
        set(&mut outcome.timeout, &row.timeout);
        set(&mut outcome.retries, &row.retries);
        set(&mut outcome.delay, &row.delay);
        set(&mut outcome.next_query_flag_in, &row.next_query_flag_in);
        set(&mut outcome.mirror_flag_out, &row.mirror_flag_out);
        set(&mut outcome.mirror_hostgroup, &row.mirror_hostgroup);
        set(&mut outcome.error_msg, &self.error_msg);
        set(&mut outcome.ok_msg, &self.ok_msg);
        set(&mut outcome.sticky_conn, &row.sticky_conn);
        set(&mut outcome.multiplex, &row.multiplex);
        set(&mut outcome.log, &row.log);
        if row.gtid_from_hostgroup.is_some() {
            outcome.hints.causal_reads = Some(true);
        }
        set(&mut outcome.hints.causal_reads, &self.attributes.causal_reads);
    }
}

#[derive(Default)]
struct Modifiers {
    caseless: bool,
    global: bool,
}

impl Modifiers {
    fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut modifiers = Self::default();
        for word in text.split([',', ' ', '|']).filter(|word| !word.is_empty()) {
            match word.to_ascii_uppercase().as_str() {
                "CASELESS" => modifiers.caseless = true,
                "GLOBAL" => modifiers.global = true,
                _ => {
                    let cause = format!("has the unknown word {word}");
                    return Err((
                        cause,
                        "CASELESS and GLOBAL are known; others can be written into the pattern, as (?s)".into(),
                    ));
                }
            }
        }
        Ok(modifiers)
    }
}

/// `0x` and up to 16 hex digits.
pub(crate) fn parse_digest(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    u64::from_str_radix(digits, 16).ok()
}
