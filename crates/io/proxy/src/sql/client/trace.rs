//! Why a statement ran where it ran: kept for each statement at no cost, and written as one line where a rule has `log=1`.

use super::session::Session;
use super::statement::Decided;
use crate::sql::log;
use crate::sql::server::groups::Server;
use crate::sql::server::relay::Heard;
use crate::sql::shared::Plan;
use crate::sql::stats::{CACHE, shown};
use crate::sql::tuning::SafeRouting;
use mysql::rules::Outcome;
use mysql::session::route::Routed;
use mysql::settings::Hostgroup;
use mysql::statement::Statement;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Of the statement at hand.
#[derive(Default)]
pub struct Trace {
    /// `rule_id`s that matched, in their order; the memory is kept.
    rules: Vec<i64>,
    on: bool,
    wanted: Hostgroup,
    rerouted: bool,
    /// Why it left the hostgroup it was decided for.
    moved: Option<&'static str>,
    /// Where it was answered, if that is asked for.
    server: Option<Arc<Server>>,
}

impl Trace {
    pub fn hit(&mut self, plan: &Plan, rule: usize) {
        if let Some(hits) = plan.hits.get(rule) {
            hits.fetch_add(1, Relaxed);
        }
        self.rules.push(rule as i64);
    }

    /// The rules have spoken.
    pub fn begin(
        &mut self,
        outcome: &Outcome,
        wanted: Hostgroup,
        routed: Routed,
        statement: &Statement,
        mode: SafeRouting,
    ) {
        self.on = outcome.log == Some(true);
        (self.wanted, self.rerouted) = (wanted, routed.rerouted);
        (self.moved, self.server) = (None, None);
        if mode == SafeRouting::Warn
            && routed.unsafe_there
            && let Some(more) = log::UNSAFE.may_say()
        {
            let why =
                statement.not_a_read.map_or_else(|| "it depends on its session".to_owned(), |why| why.to_string());
            let rule = outcome.matched.map_or_else(|| "the user's default".to_owned(), |id| format!("rule {id}"));
            log::warn(&format!(
                "{rule} sends a {} to reader hostgroup {wanted}, and {why} (mysql-safe_routing=warn lets it){more}",
                statement.verb.as_str(),
            ));
        }
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    pub fn moved(&mut self, why: &'static str) {
        self.moved = Some(why);
    }

    pub fn answered(&mut self, server: &Arc<Server>) {
        if self.on {
            self.server = Some(server.clone());
        }
    }

    /// Before the next statement's rules are asked.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.on = false;
    }
}

/// `STATEMENT session=5 user=shop schema=shop digest=0x… rules=1,7 hostgroup=20 server=10.0.0.2:3306 ms=0.412 rows=1 …`
pub fn write(session: &Session, decided: &Decided, hostgroup: Hostgroup, took: Duration, heard: &Heard) {
    let trace = &session.trace;
    let plan = session.worker.shared.plan.load();
    let ids: Vec<i64> = plan.rules.rule_ids().collect();
    let mut line = format!(
        "STATEMENT session={} user={} client={} schema={} digest=0x{:016X} rules=",
        session.id,
        plain(&session.user.name),
        session.peer,
        plain(&String::from_utf8_lossy(&session.state.schema)),
        decided.digest,
    );
    for (at, rule) in trace.rules.iter().enumerate() {
        let id = usize::try_from(*rule).ok().and_then(|rule| ids.get(rule)).copied().unwrap_or_default();
        // Writing to a String cannot fail.
        _ = write!(line, "{}{id}", if at > 0 { "," } else { "" });
    }
    let server = trace.server.as_ref().map_or_else(|| "-".to_owned(), |server| server.address());
    _ = write!(line, " hostgroup={} server={server} ms={:.3}", shown(hostgroup), took.as_secs_f64() * 1e3);
    _ = write!(line, " rows={} affected={}", heard.rows, heard.affected_rows);
    if let Some(error) = &heard.error {
        _ = write!(line, " error={}", error.code);
    }
    if let Some(why) = why(session, decided, hostgroup) {
        _ = write!(line, " not_on={} because=\"{why}\"", trace.wanted);
    }
    _ = write!(line, " text=\"{}\"", plain(&session.digest_text).replace('"', "'"));
    log::info(&line);
}

/// Why it is not in the hostgroup that the rules named.
fn why(session: &Session, decided: &Decided, hostgroup: Hostgroup) -> Option<String> {
    let trace = &session.trace;
    if hostgroup == trace.wanted {
        return None;
    }
    if hostgroup == CACHE {
        return Some("the query cache has answered".to_owned());
    }
    if let Some(moved) = trace.moved {
        return Some(moved.to_owned());
    }
    if trace.rerouted {
        return Some(match decided.statement.not_a_read {
            Some(reason) => format!("not sent to a reader: {reason}"),
            None => "not sent to a reader: it depends on its session".to_owned(),
        });
    }
    if !session.pins.is_empty() {
        return Some(format!("the session has something open there: {}", session.pins));
    }
    let readers = session.worker.shared.live.groups.load();
    let any = readers.of(trace.wanted).iter().any(|server| server.standing().takes_new());
    Some(if any { "the session's last connection is there" } else { "no server of it takes statements" }.to_owned())
}

/// In one line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
