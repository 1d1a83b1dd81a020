//! States told one by one: 1 for the one that holds, or how many servers of a backend are in it.

use crate::stats::{Kind, Row};

/// States with how often each holds.
pub type States = Vec<(&'static str, u32)>;

const SERVER: &[&str] = &["DOWN", "UP", "MAINT", "DRAIN", "NOLB"];
const LISTENER: &[&str] = &["WAITING", "OPEN", "FULL"];
const CHECK: &[&str] = &[
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK", "L7OKC",
    "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];

/// The state of the object itself.
pub fn status(row: &Row, _rows: &[Row]) -> Option<States> {
    Some(match row.kind {
        Kind::Frontend => {
            let up = row.status != "STOP";
            vec![("DOWN", u32::from(!up)), ("UP", u32::from(up))]
        }
        Kind::Backend => {
            let up = row.status.starts_with("UP");
            vec![("DOWN", u32::from(!up)), ("UP", u32::from(up))]
        }
        Kind::Listener => count(LISTENER, std::iter::once(row.status.as_str())),
        Kind::Server => count(SERVER, std::iter::once(server_state(&row.status))),
    })
}

/// The result of the last health check; nothing for a server without checks.
pub fn check(row: &Row, _rows: &[Row]) -> Option<States> {
    let status = row.check_status.as_deref()?;
    Some(count(CHECK, std::iter::once(status.trim_start_matches("* "))))
}

/// How many servers of the backend are in each state.
pub fn servers(row: &Row, rows: &[Row]) -> Option<States> {
    let states: Vec<&str> = of(row, rows).map(|server| server_state(&server.status)).collect();
    (!states.is_empty()).then(|| count(SERVER, states.into_iter()))
}

/// How many servers of the backend have each check result.
pub fn checks(row: &Row, rows: &[Row]) -> Option<States> {
    of(row, rows).next()?;
    let results = of(row, rows).filter_map(|server| server.check_status.as_deref());
    Some(count(CHECK, results.map(|status| status.trim_start_matches("* "))))
}

fn of<'a>(backend: &'a Row, rows: &'a [Row]) -> impl Iterator<Item = &'a Row> {
    rows.iter().filter(|row| row.kind == Kind::Server && row.iid == backend.iid)
}

/// `UP 2/3` is UP, `MAINT (via b/s)` is MAINT, and a server without checks is UP.
fn server_state(status: &str) -> &str {
    match status {
        "no check" => "UP",
        other => other.split(' ').next().unwrap_or_default(),
    }
}

fn count<'a>(states: &'static [&'static str], seen: impl Iterator<Item = &'a str>) -> States {
    let seen: Vec<&str> = seen.collect();
    states.iter().map(|state| (*state, seen.iter().filter(|other| *other == state).count() as u32)).collect()
}
