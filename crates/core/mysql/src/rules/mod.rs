//! Query rules: where a statement goes, and what is done to it on the way.
//!
//! [`Rules`] is compiled once from the rows of `mysql_query_rules` and `mysql_query_rules_fast_routing`; [`Rules::ask`]
//! answers for one statement. The order is ProxySQL 2.7's: rules by `rule_id`, then fast routing where no rule said
//! `apply`, then the hints of the statement's first comment. Where nobody says a hostgroup, it is the user's default.
//!
//! Invariants
//! - A rule that matches changes only what it has a value for; the last word counts.
//! - A statement that is executed from its prepared form is never rewritten.
//! - Nothing is allocated for a statement that is not rewritten, where there are fewer than
//!   [`prefilter::WORTHWHILE`] patterns.
//!
//! [`firewall`] stands beside: whom the whitelist lets through.

mod attributes;
mod compiled;
mod error;
mod fast_routing;
pub mod firewall;
mod hints;
mod pattern;
mod prefilter;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use compiled::Compiled;
pub(crate) use compiled::parse_digest;
pub use error::RuleError;
use fast_routing::FastRouting;
pub use hints::Hints;
use prefilter::{Prefilter, Verdicts};

use crate::settings::{FastRoute, Hostgroup, QueryRule};

/// The active rules, ready to be asked. Clones share no scratch memory: one for each thread is fastest.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// By `rule_id`.
    rules: Vec<Compiled>,
    queries: Prefilter,
    digests: Prefilter,
    fast_routing: FastRouting,
}

/// A statement, and who asks it from where.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub username: &'a str,
    /// The session's schema; empty if none.
    pub schemaname: &'a str,
    /// Address of the client, without its port.
    pub client_addr: &'a str,
    /// Address and port the client came to; empty and 0 on a unix socket.
    pub proxy_addr: &'a str,
    pub proxy_port: u16,
    /// Flag the rules begin with: 0, or [`Outcome::next_query_flag_in`] of the statement before.
    pub flag_in: i64,
    pub query: &'a [u8],
    /// Hash of `digest_text`; 0 if digests are switched off.
    pub digest: u64,
    /// Empty if digests are switched off.
    pub digest_text: &'a str,
    /// The statement's first comment, with or without its `/*` and `*/`. `None` also for mirrored statements, whose
    /// hints do not count.
    pub first_comment: Option<&'a [u8]>,
    /// It is an EXECUTE of a prepared statement: routed anew, but never rewritten.
    pub executes: bool,
    /// Decides where a rule has weights. Any number, evenly distributed.
    pub random: u64,
}

/// What the rules, fast routing and hints together say of a statement. `None`: nobody said anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The statement to send in place of the client's.
    pub rewritten: Option<Vec<u8>>,
    pub destination_hostgroup: Option<Hostgroup>,
    /// Milliseconds that its result may be answered from the cache.
    pub cache_ttl: Option<u64>,
    pub cache_empty_result: Option<bool>,
    /// Milliseconds until it is killed.
    pub timeout: Option<u64>,
    /// Times it is tried again, 0..=1000.
    pub retries: Option<u32>,
    /// Milliseconds that it is held back.
    pub delay: Option<u64>,
    /// [`Question::flag_in`] of the session's next statement.
    pub next_query_flag_in: Option<i64>,
    pub mirror_flag_out: Option<i64>,
    pub mirror_hostgroup: Option<Hostgroup>,
    /// Answer with this error (1148, 42000), and send nothing.
    pub error_msg: Option<Arc<str>>,
    /// Answer OK with this text, and send nothing. Goes before `error_msg`.
    pub ok_msg: Option<Arc<str>>,
    pub sticky_conn: Option<bool>,
    /// See [`QueryRule::multiplex`].
    pub multiplex: Option<u8>,
    pub log: Option<bool>,
    /// `rule_id` of the last rule that matched.
    pub matched: Option<i64>,
    /// What only the statement's first comment can say, and `causal_reads`, which a rule's attributes can say too.
    pub hints: Hints,
}

impl Rules {
    /// Rules that are not active are left out. Tells of all rows that cannot be used, not only of the first.
    pub fn compile(rules: &[QueryRule], routes: &[FastRoute]) -> Result<Self, Vec<RuleError>> {
        let mut active: Vec<_> = rules.iter().filter(|rule| rule.active).collect();
        active.sort_by_key(|rule| rule.rule_id);
        let (mut compiled, mut errors) = (Vec::with_capacity(active.len()), Vec::new());
        for rule in active {
            compiled.extend(Compiled::new(rule, &mut errors));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            queries: Prefilter::new(compiled.iter().map(|rule| rule.match_pattern.as_ref())),
            digests: Prefilter::new(compiled.iter().map(|rule| rule.match_digest.as_ref())),
            fast_routing: FastRouting::new(routes),
            rules: compiled,
        })
    }

    /// `rule_id`s in the order of the indices that [`Rules::ask`] gives to `hits`.
    pub fn rule_ids(&self) -> impl ExactSizeIterator<Item = i64> {
        self.rules.iter().map(|rule| rule.rule_id)
    }

    /// Whether questions that differ only in `query` and `random` always have equal outcomes, and the same hits.
    ///
    /// Then an outcome (with its hits) may be kept by user, schema, client and proxy address, `flag_in` and digest, as
    /// long as the statement has no first comment. It is so where no active rule has a `match_pattern`, which sees
    /// the values too, or weights.
    pub fn memoizable(&self) -> bool {
        self.rules.iter().all(|rule| rule.match_pattern.is_none() && rule.attributes.flag_outs.is_empty())
    }

    /// Whether there is nothing to ask: no active rule, no fast route.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.fast_routing.is_empty()
    }

    /// Applies the rules to a statement.
    ///
    /// `iterations` is `mysql-query_processor_iterations`: how often a `flagOUT` goes back to the first rule, rather than
    /// on to the next. `hits` is told the index of each rule that matched.
    pub fn ask(&self, question: &Question, iterations: u32, hits: &mut dyn FnMut(usize)) -> Outcome {
        let mut outcome = Outcome::default();
        let (flag, applied) = self.walk(question, iterations, hits, &mut outcome);
        // ProxySQL omits this too where its last rule says `apply` but did not match. Nobody who has fast routes wants
        // one more rule to switch them off.
        if !applied && let Some(hostgroup) = self.fast_routing.find(question.username, question.schemaname, flag) {
            outcome.destination_hostgroup = Some(hostgroup);
        }
        if let Some(comment) = question.first_comment {
            hints::apply(comment, &mut outcome);
        }
        outcome
    }

    /// Goes through the rules; returns the last flag and whether a rule said `apply`.
    fn walk(
        &self,
        question: &Question,
        mut iterations: u32,
        hits: &mut dyn FnMut(usize),
        outcome: &mut Outcome,
    ) -> (i64, bool) {
        let mut query = Cow::Borrowed(question.query);
        let mut flag = question.flag_in;
        let (mut by_query, mut by_digest) = (Verdicts::default(), Verdicts::default());
        let (mut index, mut applied) = (0, false);
        while let Some(rule) = self.rules.get(index) {
            let at = index;
            index += 1;
            if rule.flag_in != flag || !rule.asker_matches(question) {
                continue;
            }
            let text = question.digest_text.as_bytes();
            if !rule.agrees(&rule.match_digest, text, || by_digest.get(&self.digests, at, text)) {
                continue;
            }
            // The prefilter has seen the client's statement, not what rules made of it.
            let original = matches!(query, Cow::Borrowed(_));
            let prefiltered = || if original { by_query.get(&self.queries, at, question.query) } else { None };
            if !rule.agrees(&rule.match_pattern, &query, prefiltered) {
                continue;
            }
            hits(at);
            rule.write_to(outcome);
            if !question.executes
                && let Some(rewritten) = rule.rewrite(&query)
            {
                query = Cow::Owned(rewritten);
            }
            let flag_out = rule.flag_out(question.random.wrapping_add(at as u64));
            flag = flag_out.unwrap_or(flag);
            if rule.apply {
                applied = true;
                break;
            }
            if flag_out.is_some() && iterations > 0 {
                iterations -= 1;
                index = 0;
            }
        }
        if let Cow::Owned(rewritten) = query {
            outcome.rewritten = Some(rewritten);
        }
        (flag, applied)
    }
}
