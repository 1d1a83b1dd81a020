//! What rules and the firewall do to a statement beside routing it: refuse or answer it, hold it back, copy it.

use super::session::{Next, Session};
use super::statement::{Decided, question};
use crate::sql::log;
use crate::sql::mirror::{self, Copied};
use crate::sql::stats::count;
use crate::sql::tuning::SafeRouting;
use mysql::protocol::reply::{self, ServerError};
use mysql::rules::firewall::Verdict;
use mysql::session::route::{self, Facts};
use std::io;
use std::time::Duration;

/// Answers what is not to be sent; `None`: it goes on. OK goes before error, as in ProxySQL.
///
/// # Errors
/// The client's stream.
pub(super) async fn answer(session: &mut Session, decided: &Decided) -> io::Result<Option<Next>> {
    if decided.firewall == Verdict::Detected {
        count(&session.worker.shared.stats.firewall_detected);
        let (user, text) = (&session.user.name, &session.digest_text);
        log::warn(&format!("firewall: {user}@{} sends what is not in its whitelist: {text}", session.peer));
    }
    if decided.firewall == Verdict::Refuse {
        count(&session.worker.shared.stats.firewall_refused);
        let text = session.worker.shared.tuning.load().firewall_whitelist_errormsg.clone();
        return session.fail(&ServerError::new(1148, b"42000", text)).await.map(Some);
    }
    if let Some(text) = &decided.outcome.ok_msg {
        let ok = reply::Ok { status: session.status, info: text.as_bytes(), ..Default::default() };
        session.ok(&ok).await?;
        return Ok(Some(Next::Command));
    }
    match &decided.outcome.error_msg {
        Some(text) => session.fail(&ServerError::new(1148, b"42000", &**text)).await.map(Some),
        None => Ok(None),
    }
}

/// Holds a statement back for as long as a rule or `mysql-default_query_delay` says.
pub(super) async fn delay(session: &Session, decided: &Decided) {
    let milliseconds = decided.outcome.delay.unwrap_or(session.worker.shared.tuning.load().default_query_delay);
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// Has a copy of the client's own text sent to where `mirror_hostgroup` says, or the rules that `mirror_flagOUT` begins with.
/// Hints in comments are not for copies.
pub(super) fn mirror(session: &Session, decided: &Decided, sql: &[u8]) {
    let outcome = &decided.outcome;
    if outcome.mirror_hostgroup.is_none() && outcome.mirror_flag_out.is_none() {
        return;
    }
    if !session.pins.is_empty() || !mirror::stands_alone(decided.statement.effects) {
        return;
    }
    let shared = &session.worker.shared;
    let (plan, tuning) = (shared.plan.load(), shared.tuning.load());
    let fallback = outcome.mirror_hostgroup.unwrap_or(decided.hostgroup);
    let (mut wanted, mut text) = (fallback, sql.to_vec());
    if let Some(flag_in) = outcome.mirror_flag_out {
        let (schema, peer) = (String::from_utf8_lossy(&session.state.schema), session.peer.to_string());
        let mut question = question(session, sql, decided.digest, &schema, &peer);
        question.flag_in = flag_in;
        let copied = plan.rules.ask(&question, tuning.query_processor_iterations, &mut |_| {});
        if copied.error_msg.is_some() || copied.ok_msg.is_some() {
            return;
        }
        wanted = copied.destination_hostgroup.unwrap_or(fallback);
        text = copied.rewritten.unwrap_or(text);
    }
    let groups = shared.live.groups.load();
    let routed = route::route(&Facts {
        wanted,
        writer_of: &|hostgroup| groups.writer_of(hostgroup),
        strict: tuning.safe_routing == SafeRouting::Strict,
        effects: decided.statement.effects,
        is_read: decided.statement.not_a_read.is_none(),
    });
    if routed.rerouted {
        count(&shared.stats.mirrors_dropped);
        return;
    }
    let copied =
        Copied { hostgroup: wanted, credentials: session.credentials.clone(), state: session.state.clone(), sql: text };
    mirror::send(&session.worker, copied);
}
