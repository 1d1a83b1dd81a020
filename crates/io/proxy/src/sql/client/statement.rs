//! COM_QUERY: what the statement is, what the rules say, where it goes.

use super::execute::{Kind, Target};
use super::session::{Next, Session};
use super::{local, ruled};
use crate::sql::latency::bump;
use crate::sql::server::relay::Heard;
use crate::sql::stats::digests::Ran;
use crate::sql::tuning::SafeRouting;
use mysql::protocol::answer::Expect;
use mysql::protocol::reply::status;
use mysql::rules::firewall::Verdict;
use mysql::rules::{Outcome, Question};
use mysql::session::Pins;
use mysql::session::route::{self, Facts};
use mysql::settings::Hostgroup;
use mysql::statement::{self, Effects, Modes, Reason, Statement};
use mysql::{cache, digest};
use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// A statement as far as it is decided before it is sent.
pub struct Decided {
    pub statement: Statement,
    pub digest: u64,
    pub outcome: Outcome,
    pub hostgroup: Hostgroup,
    pub kind: Kind,
    pub firewall: Verdict,
}

/// Performs the COM_QUERY in `session.payload`.
///
/// # Errors
/// The client's stream.
pub async fn query(session: &mut Session) -> io::Result<Next> {
    let mut payload = std::mem::take(&mut session.payload);
    let next = run(session, &mut payload).await;
    session.payload = payload;
    next
}

async fn run(session: &mut Session, payload: &mut Vec<u8>) -> io::Result<Next> {
    let decided = decide(session, &payload[1..], false);
    if let Some(answered) = ruled::answer(session, &decided).await? {
        return Ok(answered);
    }
    let own = decided.outcome.rewritten.as_ref().map(|rewritten| {
        let own = payload[1..].to_vec();
        payload.truncate(1);
        payload.extend_from_slice(rewritten);
        own
    });
    if settle(session, &payload[1..], &decided.statement) {
        return session.done().await;
    }
    if let Some(answer) = local::answer(session, &payload[1..], &decided.statement).await? {
        return Ok(answer);
    }
    let keeping = session.keeping(&decided, &payload[1..], None);
    if let Some(keeping) = keeping
        && let Some(answered) = session.answer_kept(keeping, &decided).await?
    {
        return Ok(answered);
    }
    ruled::mirror(session, &decided, own.as_deref().unwrap_or(&payload[1..]));
    session.begin_statement(&payload[1..]);
    ruled::delay(session, &decided).await;
    let mut target = target(session, &decided, &payload[1..]);
    target.capture = keeping.map(|keeping| keeping.limit);
    let mut outcome = session.execute(payload, Expect::Results, &target).await?;
    session.end_statement();
    session.learn_from(&target, keeping, &mut outcome);
    if let Some(heard) = &outcome.heard {
        let collation = target.names_collation;
        session.worker.settled.borrow_mut().learn(&payload[1..], &decided.statement, heard, collation);
        session.count(&decided, outcome.hostgroup, heard);
    }
    Ok(outcome.next)
}

/// Performs a SET that was performed before, without a server; false: it is to be asked.
fn settle(session: &mut Session, sql: &[u8], statement: &Statement) -> bool {
    if statement.effects != Effects::SET_VARIABLES || !session.pins.is_empty() {
        return false;
    }
    let Some(change) = session.worker.settled.borrow().find(sql) else { return false };
    let mut state = (*session.state).clone();
    for (name, value) in &change.variables {
        state.heard(name, value);
    }
    if let Some(collation) = &change.collation {
        state.heard(b"collation_connection", collation.as_bytes());
    }
    if state != *session.state {
        session.set_state(state);
    }
    if change.variables.iter().any(|(name, _)| name == b"sql_mode") {
        const OF_MODE: u16 = status::ANSI_QUOTES | status::NO_BACKSLASH_ESCAPES;
        session.status = session.status & !OF_MODE | change.status & OF_MODE;
    }
    true
}

/// Asks the rules, and puts right what they may not decide.
pub fn decide(session: &mut Session, sql: &[u8], executes: bool) -> Decided {
    let modes = modes(session);
    let statement = statement::analyze(sql, modes);
    session.digest_text.clear();
    session.trace.clear();
    let shared = session.worker.shared.clone();
    let tuning = shared.tuning.load();
    let digest = if tuning.query_digests {
        let beginning = sql.get(..tuning.digest_max_query_length).unwrap_or(sql);
        digest::digest_into(beginning, modes, &tuning.digest, &mut session.digest_text)
    } else {
        0
    };
    let plan = shared.plan.load();
    let schema = String::from_utf8_lossy(&session.state.schema);
    let peer = session.peer.to_string();
    let flag_in = std::mem::take(&mut session.next_flag_in);
    let mut trace = std::mem::take(&mut session.trace);
    let question = Question {
        flag_in,
        first_comment: statement.first_comment.clone().and_then(|range| sql.get(range)),
        executes,
        ..question(session, sql, digest, &schema, &peer)
    };
    let iterations = tuning.query_processor_iterations;
    let outcome = if session.user.settings.fast_forward {
        // No rules: one connection for all that its session says.
        Outcome { multiplex: Some(0), ..Outcome::default() }
    } else {
        plan.rules.ask(&question, iterations, &mut |rule| trace.hit(&plan, rule))
    };
    // What is sent counts, not what came.
    let statement = outcome.rewritten.as_ref().map_or(statement, |text| statement::analyze(text, modes));
    let firewall = if tuning.firewall_whitelist_enabled {
        plan.firewall.ask(&session.user.name, &peer, &schema, flag_in, digest)
    } else {
        Verdict::Pass
    };
    session.trace = trace;
    if let Some(flag) = outcome.next_query_flag_in {
        session.next_flag_in = flag;
    }
    let groups = shared.live.groups.load();
    let facts = Facts {
        wanted: outcome.destination_hostgroup.unwrap_or(session.user.settings.default_hostgroup),
        writer_of: &|hostgroup| groups.writer_of(hostgroup),
        strict: tuning.safe_routing == SafeRouting::Strict,
        effects: considered(&outcome, statement.effects),
        is_read: statement.not_a_read.is_none(),
    };
    let mut routed = route::route(&facts);
    if outcome.multiplex == Some(0) {
        // The session stays there: only the writer takes all that may follow.
        routed.hostgroup = groups.writer_of(routed.hostgroup).unwrap_or(routed.hostgroup);
    }
    if routed.rerouted {
        shared.stats.rerouted.fetch_add(1, Relaxed);
    }
    session.trace.begin(&outcome, facts.wanted, routed, &statement, tuning.safe_routing);
    let kind = if statement.not_a_read.is_none() { Kind::Read } else { Kind::Plain };
    Decided { statement, digest, outcome, hostgroup: routed.hostgroup, kind, firewall }
}

/// A statement as rules see it, with neither hints nor a flag.
pub(super) fn question<'a>(
    session: &'a Session,
    sql: &'a [u8],
    digest: u64,
    schema: &'a str,
    peer: &'a str,
) -> Question<'a> {
    Question {
        username: &session.user.name,
        schemaname: schema,
        client_addr: peer,
        proxy_addr: &session.proxy_addr.0,
        proxy_port: session.proxy_addr.1,
        flag_in: 0,
        query: sql,
        digest,
        digest_text: &session.digest_text,
        first_comment: None,
        executes: false,
        random: session.worker.random(),
    }
}

/// Of an execution: what was decided, and what the text names.
pub fn target(session: &Session, decided: &Decided, sql: &[u8]) -> Target {
    let effects = considered(&decided.outcome, decided.statement.effects);
    let hints = &decided.outcome.hints;
    let names_collation = effects.contains(Effects::SET_VARIABLES).then(|| collation_named(sql)).flatten();
    let retries = session.worker.shared.tuning.load().query_retries_on_failure;
    Target {
        hostgroup: decided.hostgroup,
        kind: decided.kind,
        effects,
        causal: hints.causal_reads.unwrap_or(decided.kind == Kind::Read),
        causal_by_rule: hints.causal_reads == Some(true),
        min_gtid: hints.min_gtid.as_ref().and_then(|text| text.parse().ok()),
        forgets_variables: decided.outcome.multiplex == Some(2),
        writes: cache::may_change_data(&decided.statement),
        names_collation,
        may_write_in_rows: !matches!(
            decided.statement.not_a_read,
            None | Some(Reason::LocksRows | Reason::ServerSpecific | Reason::NamedLock | Reason::Into)
        ),
        timeout: decided.outcome.timeout.map(Duration::from_millis).or_else(|| default_timeout(session)),
        may_open: decided.statement.count > 1 || effects.intersects(MAY_OPEN),
        retries: decided.outcome.retries.unwrap_or(retries),
        multiplex: match decided.outcome.multiplex {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        ..Target::default()
    }
}

/// A rule's `multiplex=2` leaves user variables out of it: whoever set it knows that they do not matter.
fn considered(outcome: &Outcome, effects: Effects) -> Effects {
    const VARIABLES: Effects = Effects::USER_VARIABLE.union(Effects::ASSIGNS_USER_VARIABLE);
    if outcome.multiplex == Some(2) { effects.without(VARIABLES) } else { effects }
}

/// `mysql-default_query_timeout`. Longer ones than a day are nobody's limit, and cost nothing.
fn default_timeout(session: &Session) -> Option<Duration> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    Some(session.worker.shared.tuning.load().default_query_timeout).filter(|limit| !limit.is_zero() && *limit < DAY)
}

const MAY_OPEN: Effects = Effects::CALL
    .union(Effects::COMPOUND)
    .union(Effects::TEXT_EXECUTE)
    .union(Effects::BEGIN)
    .union(Effects::CHAIN)
    .union(Effects::SET_AUTOCOMMIT)
    .union(Effects::XA);

/// The lexer has to read strings as the server will.
pub fn modes(session: &Session) -> Modes {
    let charset = session.state.get("character_set_client");
    Modes {
        ansi_quotes: session.status & status::ANSI_QUOTES != 0,
        no_backslash_escapes: session.status & status::NO_BACKSLASH_ESCAPES != 0,
        wide_letters: charset.map_or_else(
            || WIDE_COLLATIONS.contains(&session.credentials.key.collation),
            |name| WIDE_CHARSETS.contains(&name),
        ),
    }
}

/// Character sets with letters whose second byte may be a backslash or a backtick.
const WIDE_CHARSETS: [&str; 5] = ["big5", "cp932", "gb18030", "gbk", "sjis"];

/// Their collations, as a log-in numbers them.
const WIDE_COLLATIONS: [u8; 11] = [1, 13, 28, 84, 87, 88, 95, 96, 248, 249, 250];

/// Of `SET NAMES x COLLATE y`, which MariaDB does not tell: the word behind COLLATE.
fn collation_named(sql: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(sql);
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    words.find(|word| word.eq_ignore_ascii_case("collate"))?;
    words.next().map(str::to_owned)
}

impl Session {
    /// For the process list.
    pub fn begin_statement(&mut self, sql: &[u8]) {
        /// Characters of a statement that the process list shows.
        const SHOWN: usize = 256;
        let mut now = self.public.now();
        now.statement.clear();
        let shown = &sql[..sql.len().min(SHOWN)];
        match String::from_utf8_lossy(shown) {
            Cow::Borrowed(text) => now.statement.push_str(text),
            Cow::Owned(text) => now.statement.push_str(&text),
        }
        let at = Instant::now();
        now.since = Some(at);
        drop(now);
        let decided = at.saturating_duration_since(self.started).as_nanos() as u64;
        bump(&self.worker.tally.counters.processor_ns, decided);
    }

    pub fn end_statement(&mut self) {
        let mut now = self.public.now();
        now.statement.clear();
        now.server = None;
        now.since = None;
        drop(now);
        self.public.in_transaction.store(self.pins.contains(Pins::TRANSACTION), Relaxed);
    }

    /// Takes in that a server has answered, and writes the line that a rule with `log=1` asks for.
    pub fn count(&mut self, decided: &Decided, hostgroup: Hostgroup, heard: &Heard) {
        let took = self.took.take().unwrap_or_else(|| self.started.elapsed());
        self.count_bytes();
        let user: &Arc<str> = &self.user.name;
        let ran = Ran {
            hostgroup,
            user,
            schema: &self.state.schema,
            digest: decided.digest,
            text: &self.digest_text,
            took,
            at: self.started + took,
            rows_affected: heard.affected_rows,
            rows_sent: heard.rows,
        };
        let slow = self.worker.shared.tuning.load().long_query_time;
        self.worker.tally.ran(decided.statement.verb, slow, &ran);
        if self.trace.is_on() {
            super::trace::write(self, decided, hostgroup, took, heard);
        }
    }
}
