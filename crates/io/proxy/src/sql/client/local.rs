//! What the proxy answers itself: its own connection numbers, the list of them, what a session has prepared, and KILL.

use super::session::{Next, Session};
use crate::sql::server::connect::Credentials;
use crate::sql::server::connection::Key;
use crate::sql::sessions;
use crate::sql::shared::Shared;
use mysql::protocol::capability;
use mysql::protocol::reply::ServerError;
use mysql::protocol::rows::{self, Kind};
use mysql::statement::{Effects, Reason, Statement, Verb};
use std::io;
use std::sync::Arc;

/// Answers, where it is the proxy's to answer; `None`: it goes to a server.
///
/// # Errors
/// The client's stream.
pub async fn answer(session: &mut Session, sql: &[u8], statement: &Statement) -> io::Result<Option<Next>> {
    if statement.count != 1 {
        return Ok(None);
    }
    if statement.effects.contains(Effects::KILL) {
        return match Kill::parse(sql) {
            Some(kill) => perform_kill(session, kill).await.map(Some),
            None => Ok(None),
        };
    }
    if statement.effects.contains(Effects::CONNECTION_ID) && is_only_connection_id(sql) {
        let row = [text(session.id)];
        return table(session, &[("CONNECTION_ID()", Kind::Unsigned)], &[row]).await.map(Some);
    }
    if statement.verb == Verb::Show
        && let Some(name) = session_status(sql)
        && let Some(count) = session.counts.of(name)
    {
        // As the server writes it, however it was asked for.
        let name = format!("C{}", name[1..].to_ascii_lowercase());
        let columns = [("Variable_name", Kind::Text), ("Value", Kind::Text)];
        return table(session, &columns, &[[text(name), text(count)]]).await.map(Some);
    }
    if statement.verb == Verb::Show && statement.not_a_read == Some(Reason::ServerSpecific) {
        return match process_list_length(sql) {
            Some(length) => process_list(session, sql, length).await.map(Some),
            None => Ok(None),
        };
    }
    Ok(None)
}

/// `SELECT CONNECTION_ID()`, in any case and with any blanks: others also ask the server something.
fn is_only_connection_id(sql: &[u8]) -> bool {
    let text: Vec<u8> = sql.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b';').copied().collect();
    text.eq_ignore_ascii_case(b"selectconnection_id()")
}

async fn table<const N: usize>(
    session: &mut Session,
    columns: &[(&str, Kind); N],
    rows: &[[Option<Vec<u8>>; N]],
) -> io::Result<Next> {
    let (sequence, capabilities) = (session.sequence, session.capabilities);
    rows::write_typed(session.wire.outbox(), sequence, columns, rows.iter().map(|row| &row[..]), capabilities);
    session.wire.flush().await?;
    Ok(Next::Command)
}

/// The one name of `SHOW [SESSION] STATUS LIKE 'name'`. Patterns, and all at once, are a server's to answer.
fn session_status(sql: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(sql).ok()?.trim().trim_end_matches(';').trim_end();
    let mut words = text.split_ascii_whitespace().peekable();
    words.next_if(|word| word.eq_ignore_ascii_case("show"))?;
    words.next_if(|word| word.eq_ignore_ascii_case("session") || word.eq_ignore_ascii_case("local"));
    words.next_if(|word| word.eq_ignore_ascii_case("status"))?;
    words.next_if(|word| word.eq_ignore_ascii_case("like"))?;
    let quoted = words.next()?;
    let name = ["'", "\""].iter().find_map(|quote| quoted.strip_prefix(quote)?.strip_suffix(quote))?;
    words.next().is_none().then_some(name)
}

/// Of `SHOW [FULL] PROCESSLIST`: how many bytes of a statement it shows.
fn process_list_length(sql: &[u8]) -> Option<usize> {
    const SHORT: usize = 100;
    let text = std::str::from_utf8(sql).ok()?.trim().trim_end_matches(';').trim_end();
    let mut words = text.split_ascii_whitespace().peekable();
    words.next_if(|word| word.eq_ignore_ascii_case("show"))?;
    let full = words.next_if(|word| word.eq_ignore_ascii_case("full")).is_some();
    words.next_if(|word| word.eq_ignore_ascii_case("processlist"))?;
    words.next().is_none().then_some(if full { usize::MAX } else { SHORT })
}

/// The user's sessions, by the numbers that KILL takes. A server's list would name the proxy's own connections.
async fn process_list(session: &mut Session, sql: &[u8], length: usize) -> io::Result<Next> {
    const COLUMNS: [(&str, Kind); 9] = [
        ("Id", Kind::Bigint),
        ("User", Kind::Text),
        ("Host", Kind::Text),
        ("db", Kind::Text),
        ("Command", Kind::Text),
        ("Time", Kind::Int),
        ("State", Kind::Text),
        ("Info", Kind::Text),
        ("Progress", Kind::Double),
    ];
    let own = |other: &Arc<sessions::Session>| other.user == session.user.name;
    let all: Vec<_> = session.worker.shared.sessions.list().into_iter().filter(own).collect();
    let rows: Vec<_> = all
        .iter()
        .map(|other| {
            let now = other.now();
            // Its own statement is this one, which no server runs.
            let statement = if other.id == session.id { sql } else { now.statement.as_bytes() };
            let runs = !statement.is_empty();
            [
                text(other.id),
                text(&other.user),
                text(&other.peer),
                (!now.schema.is_empty()).then(|| now.schema.clone().into_bytes()),
                text(if runs { "Query" } else { "Sleep" }),
                text(now.since.map_or(0, |since| since.elapsed().as_secs())),
                text(""),
                runs.then(|| statement[..statement.len().min(length)].to_vec()),
                text("0.000"),
            ]
        })
        .collect();
    table(session, &COLUMNS, &rows).await
}

fn text(value: impl ToString) -> Option<Vec<u8>> {
    Some(value.to_string().into_bytes())
}

/// KILL of a session of this proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kill {
    id: u32,
    /// Only what it does, not the session.
    query: bool,
}

impl Kill {
    /// `KILL [HARD|SOFT] [CONNECTION|QUERY] n`; others (KILL USER, QUERY ID) are the server's.
    fn parse(sql: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(sql).ok()?.trim().trim_end_matches(';').trim_end();
        let mut words = text.split_ascii_whitespace().peekable();
        words.next_if(|word| word.eq_ignore_ascii_case("kill"))?;
        words.next_if(|word| word.eq_ignore_ascii_case("hard") || word.eq_ignore_ascii_case("soft"));
        let query = words.next_if(|word| word.eq_ignore_ascii_case("query")).is_some();
        if !query {
            words.next_if(|word| word.eq_ignore_ascii_case("connection"));
        }
        let id = words.next()?.parse().ok()?;
        words.next().is_none().then_some(Self { id, query })
    }
}

/// COM_PROCESS_KILL.
///
/// # Errors
/// The client's stream.
pub async fn kill_by_command(session: &mut Session) -> io::Result<Next> {
    let Some(id) = session.payload.get(1..5).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes) else {
        return session.fail(&ServerError::new(1835, b"HY000", "Malformed communication packet")).await;
    };
    perform_kill(session, Kill { id, query: false }).await
}

async fn perform_kill(session: &mut Session, kill: Kill) -> io::Result<Next> {
    let Some(other) = session.worker.shared.sessions.get(kill.id) else {
        let text = format!("Unknown thread id: {}", kill.id);
        return session.fail(&ServerError::new(1094, b"HY000", text)).await;
    };
    if other.user != session.user.name {
        let text = format!("You are not owner of thread {}", kill.id);
        return session.fail(&ServerError::new(1095, b"HY000", text)).await;
    }
    if kill.query {
        kill_at_server(session, &other).await;
    } else {
        other.end();
    }
    session.done().await
}

/// What runs at a server is ended there, from a connection of its own.
async fn kill_at_server(session: &Session, other: &Arc<sessions::Session>) {
    let Some(((hostgroup, hostname, port, thread), _holding)) = other.hold_running() else { return };
    let shared = session.worker.shared.clone();
    let groups = shared.live.groups.load_full();
    let found = groups.of(hostgroup).iter().find(|server| server.hostname == hostname && server.port == port);
    let Some(server) = found else { return };
    crate::sql::stats::count(&shared.stats.killed_queries);
    let sql = format!("KILL QUERY {thread}");
    crate::sql::server::aside::run(&shared, server, &session.credentials, &sql).await;
}

/// Ends at its server what a session runs there, for an administrator: with the user's own rights, as each may end his own.
pub async fn end_statement(shared: Arc<Shared>, id: u32) {
    let Some(session) = shared.sessions.get(id) else { return };
    let Some(((hostgroup, hostname, port, thread), _holding)) = session.hold_running() else { return };
    let groups = shared.live.groups.load_full();
    let found = groups.of(hostgroup).iter().find(|server| server.hostname == hostname && server.port == port);
    let user = shared.plan.load().users.get(&*session.user).cloned();
    let (Some(server), Some(user)) = (found, user) else { return };
    let secret = match user.secret() {
        Some(secret) => secret,
        None => {
            return crate::sql::log::warn(&format!(
                "session {id} goes on until its statement ends: mysql_users has {}'s password as a hash only. KILL QUERY \
                 {thread} at {} ends it",
                user.name,
                server.address()
            ));
        }
    };
    let key = Key { user: user.name.clone(), capabilities: capability::DEPRECATE_EOF, collation: shared.collation() };
    let credentials = Credentials { key, secret, schema: Vec::new() };
    crate::sql::stats::count(&shared.stats.killed_queries);
    crate::sql::server::aside::run(&shared, server, &credentials, &format!("KILL QUERY {thread}")).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::client::prepared::Counts;

    #[test]
    fn which_session_is_meant() {
        for (sql, expected) in [
            ("KILL 5", Some((5, false))),
            ("kill query 7;", Some((7, true))),
            ("KILL HARD CONNECTION 9", Some((9, false))),
            ("KILL QUERY ID 3", None),
            ("KILL USER bob", None),
        ] {
            let kill = Kill::parse(sql.as_bytes()).map(|kill| (kill.id, kill.query));
            assert_eq!(kill, expected, "{sql}");
        }
        assert!(is_only_connection_id(b" select  CONNECTION_ID ( ) ;"));
        assert!(!is_only_connection_id(b"SELECT CONNECTION_ID(), 1"));
        assert_eq!(process_list_length(b"show  processlist ;"), Some(100));
        assert_eq!(process_list_length(b"SHOW FULL PROCESSLIST"), Some(usize::MAX));
        assert_eq!(process_list_length(b"SHOW PROCESSLIST x"), None);
        assert_eq!(process_list_length(b"SHOW STATUS"), None);
    }

    #[test]
    fn whose_count_is_meant() {
        for (sql, expected) in [
            ("SHOW SESSION STATUS LIKE 'Com_stmt_close';", Some("Com_stmt_close")),
            ("show status like \"Threads_connected\"", Some("Threads_connected")),
            ("SHOW STATUS LIKE 'Com_%'", Some("Com_%")),
            ("SHOW GLOBAL STATUS LIKE 'Com_stmt_close'", None),
            ("SHOW STATUS", None),
            ("SHOW STATUS LIKE 'a' OR 1", None),
        ] {
            assert_eq!(session_status(sql.as_bytes()), expected, "{sql}");
        }
        assert_eq!(Counts::default().of("com_STMT_close"), Some(0));
        assert_eq!(Counts::default().of("Com_stmt_%"), None);
    }
}
