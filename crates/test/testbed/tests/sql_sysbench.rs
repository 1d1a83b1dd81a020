//! sysbench through the proxy, with statements prepared by the server and without, in transactions and without: no error, and
//! the rows are the same on both servers.

use std::process::Command;
use testbed::mariadb::APP;
use testbed::run::{Output, run};
use testbed::{Folder, MariaDb, SqlProxy};

const TABLES: u32 = 2;
const ROWS: u32 = 1_000;

#[test]
fn sysbench_finds_no_error() {
    let folder = Folder::new("sql-sysbench");
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    let proxy = SqlProxy::start(folder.path(), &writer, &reader);
    let play = |arguments: &[&str]| sysbench(proxy.port, arguments);
    play(&["prepare"]).expect_ok();
    reader.wait_caught_up(&writer);
    for mode in ["auto", "disable"] {
        let mode = format!("--db-ps-mode={mode}");
        let said = play(&[&mode, "--threads=8", "--time=3", "run"]).expect_ok();
        done(&said);
        // Statements alone may be refused by a row that another thread has just put there again.
        let said =
            play(&[&mode, "--skip-trx=on", "--mysql-ignore-errors=1062,1213,1205", "--threads=8", "--time=3", "run"]);
        done(&said.expect_ok());
    }
    reader.wait_caught_up(&writer);
    for table in 1..=TABLES {
        let sums = format!("CHECKSUM TABLE sbtest.sbtest{table}");
        assert_eq!(writer.sql(&sums), reader.sql(&sums), "table {table}");
        let rows: u32 = writer.value(&format!("SELECT COUNT(*) FROM sbtest.sbtest{table}")).parse().expect("a number");
        assert!(rows > ROWS * 9 / 10 && rows <= ROWS, "{rows} rows are left in table {table}");
    }
}

fn sysbench(port: u16, arguments: &[&str]) -> Output {
    let (user, password) = APP;
    let mut command = Command::new("sysbench");
    command.args(["oltp_read_write", "--db-driver=mysql", "--mysql-host=127.0.0.1", "--mysql-db=sbtest"]);
    command.arg(format!("--mysql-port={port}")).arg(format!("--mysql-user={user}"));
    command.arg(format!("--mysql-password={password}"));
    command.arg(format!("--tables={TABLES}")).arg(format!("--table-size={ROWS}")).args(arguments);
    run(&mut command)
}

/// It worked, and lost no connection.
#[track_caller]
fn done(said: &str) {
    let number = |name: &str| -> u64 {
        let line =
            said.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {said}"));
        line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{name}: {said}"))
    };
    assert!(number("transactions:") > 0, "{said}");
    assert_eq!(number("reconnects:"), 0, "{said}");
}
