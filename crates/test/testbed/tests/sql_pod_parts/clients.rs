//! Clients that connect again and again while pods come and go, and count what failed.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testbed::SqlClient;
use testbed::host::ADDRESS;
use testbed::mariadb::APP;
use testbed::sql_client::Answer;

/// The Service's port for SQL.
pub const SQL: u16 = 30033;

/// What a client has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub connects: u32,
    pub statements: u32,
    /// Connections that ended under a client that had nothing open: it may connect again.
    pub closed: u32,
    /// The longest that a log-in with its first statement took.
    pub slowest: Duration,
    /// Connections that were refused, or ended before they had answered once. There must be none.
    pub failed: Vec<String>,
}

/// A connection for each statement, as PHP has it.
pub fn short_connections(done: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    while !done.load(Ordering::Relaxed) {
        _ = connect(&mut seen);
    }
    seen
}

/// Stays, and connects again when its connection was closed.
pub fn long_connection(done: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut client = None;
    while !done.load(Ordering::Relaxed) {
        let Some(connected) = &mut client else {
            client = connect(&mut seen);
            continue;
        };
        if ask(connected).is_ok() {
            seen.statements += 1;
        } else {
            seen.closed += 1;
            client = None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    seen
}

fn connect(seen: &mut Seen) -> Option<SqlClient> {
    let began = Instant::now();
    seen.connects += 1;
    let client = SqlClient::connect_to(ADDRESS, SQL, APP, "sbtest", true).map_err(|error| format!("log-in: {error}"));
    let answered = client.and_then(|mut client| ask(&mut client).map(|()| client));
    seen.slowest = seen.slowest.max(began.elapsed());
    match answered {
        Ok(client) => {
            seen.statements += 1;
            Some(client)
        }
        Err(why) => {
            seen.failed.push(format!("connection {}: {why}", seen.connects));
            // Not to fill the list while nothing answers.
            std::thread::sleep(Duration::from_millis(20));
            None
        }
    }
}

fn ask(client: &mut SqlClient) -> Result<(), String> {
    match client.query("SELECT COUNT(*) FROM sbtest1 WHERE id = 1").map_err(|error| format!("statement: {error}"))?[..]
    {
        [Answer::Rows { .. }] => Ok(()),
        ref other => Err(format!("statement: {other:?}")),
    }
}

/// sysbench at a port of the host. `arguments`: its own, then the script and what it is to do.
pub fn sysbench(port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new("sysbench");
    command.arg(format!("--mysql-host={ADDRESS}")).arg(format!("--mysql-port={port}"));
    command.arg(format!("--mysql-user={}", APP.0)).arg(format!("--mysql-password={}", APP.1));
    command.args(["--mysql-db=sbtest", "--tables=1", "--table-size=1000"]).args(arguments);
    command
}

/// In the background; [`ended`] ends it.
pub fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("Debian's sysbench starts")
}

/// What it said by the end of its time.
pub fn ended(child: Child) -> String {
    let output = child.wait_with_output().expect("sysbench is ours");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "sysbench ended with {}:\n{said}", output.status);
    said
}
