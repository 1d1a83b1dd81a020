//! Debian's sysbench.

use super::Options;
use std::process::Command;
use std::time::Duration;
use testbed::mariadb::{APP, ask};
use testbed::{run, wait_for};

const TABLES: &[&str] = &["--tables=4", "--table-size=10000"];

pub struct Found {
    pub queries: f64,
    pub queries_per_second: f64,
    pub p95_ms: f64,
}

/// Makes its tables anew.
pub fn prepare(port: u16) {
    // None there the first time.
    run::run(command(port, "oltp_read_write").arg("cleanup"));
    run::run(command(port, "oltp_read_write").arg("prepare")).expect_ok();
}

/// Waits until a proxy's readers have the tables too.
pub fn wait_readable(port: u16) {
    wait_for("readable", Duration::from_secs(30), || {
        let rows = ask(port, APP, "sbtest", "SELECT COUNT(*) FROM sbtest4")?;
        if rows == [["10000"]] { Ok(()) } else { Err(format!("{rows:?}")) }
    });
}

pub fn run(port: u16, script: &str, threads: u16, options: &Options) -> Found {
    let mut command = command(port, script);
    command.arg(format!("--threads={threads}")).arg(format!("--time={}", options.seconds));
    command.arg(format!("--db-ps-mode={}", if options.prepared { "auto" } else { "disable" })).arg("run");
    let said = run::run(&mut command).expect_ok();
    parse(&said).unwrap_or_else(|| panic!("sysbench said something else: {said}"))
}

fn command(port: u16, script: &str) -> Command {
    let (user, password) = APP;
    let mut command = Command::new("sysbench");
    command.args([script, "--db-driver=mysql", "--mysql-host=127.0.0.1", "--mysql-db=sbtest"]).args(TABLES);
    command.arg(format!("--mysql-port={port}"));
    command.arg(format!("--mysql-user={user}")).arg(format!("--mysql-password={password}"));
    command
}

fn parse(said: &str) -> Option<Found> {
    let after = |label: &str| said.lines().find_map(|line| line.trim().strip_prefix(label));
    // `queries:   1234  (56.78 per sec.)`
    let mut queries = after("queries:")?.split_whitespace();
    let count = queries.next()?.parse().ok()?;
    let rate = queries.next()?.trim_start_matches('(').parse().ok()?;
    let p95_ms = after("95th percentile:")?.trim().parse().ok()?;
    Some(Found { queries: count, queries_per_second: rate, p95_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_report_is_read() {
        let said = "    transactions:                        100    (10.00 per sec.)
    queries:                             2000   (200.50 per sec.)
    ignored errors:                      0      (0.00 per sec.)
Latency (ms):
         95th percentile:                       12.52
";
        let found = parse(said).unwrap();
        assert_eq!((found.queries, found.queries_per_second, found.p95_ms), (2000.0, 200.5, 12.52));
        assert!(parse("FATAL: unable to connect").is_none());
    }
}
