//! A database is dumped through the proxy and restored through it: the same on both servers, and the proxy stays small.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use testbed::mariadb::{APP, client_at};
use testbed::{Folder, MariaDb, SqlProxy};

/// What the proxy may grow to, in MB: nothing that depends on the size of a result.
const BOUND_MB: u64 = 96;

/// `SQL_DUMP_MB`: how much is dumped; default 64.
fn megabytes() -> u64 {
    let given = std::env::var("SQL_DUMP_MB").ok();
    given.map_or(64, |text| text.parse().expect("SQL_DUMP_MB is a number"))
}

/// A table of `mb` MB: rows of 1 KB of text, and one in 512 with half a MB that is not text.
fn tables(mb: u64) -> String {
    format!(
        "USE nextcloud;
         CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(1100), KEY (v(20))) COMMENT 'it''s big';
         INSERT INTO big SELECT seq, REPEAT(MD5(seq), 32) FROM seq_1_to_{};
         CREATE TABLE blobs (id INT PRIMARY KEY, v LONGBLOB, n DECIMAL(20,6), t TIMESTAMP(6) NULL);
         INSERT INTO blobs SELECT seq, REPEAT(UNHEX(SHA2(seq, 512)), 8192), seq / 7, '2026-11-28 20:00:00.123456'
           FROM seq_1_to_{};
         CREATE VIEW seen AS SELECT id FROM big;
         CREATE TRIGGER bigger BEFORE UPDATE ON big FOR EACH ROW SET NEW.v = UPPER(NEW.v);
         CREATE PROCEDURE two() SELECT 1, 2;",
        mb * 1024 * 3 / 4,
        mb / 2
    )
}

#[test]
fn a_dump_is_restored() {
    let folder = Folder::new("sql-dump");
    // Otherwise each MB would be four times on the disk.
    let writer = MariaDb::primary_with(folder.path(), &["--log-bin-compress=ON"]);
    let reader = MariaDb::replica_of(&writer);
    writer.sql(&tables(megabytes()));
    writer.sql("GRANT ALL ON *.* TO nextcloud@'%'; REVOKE READ_ONLY ADMIN ON *.* FROM nextcloud@'%'");
    catch_up(&reader, &writer);
    let proxy = SqlProxy::start(folder.path(), &writer, &reader);
    let done = Arc::new(AtomicBool::new(false));
    let (pid, over) = (proxy.pid(), done.clone());
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        while !over.load(Relaxed) {
            most = most.max(resident_mb(pid));
            std::thread::sleep(Duration::from_millis(50));
        }
        most
    });
    let began = Instant::now();
    let (user, password) = APP;
    let mut dump = Command::new("mariadb-dump");
    dump.args([
        "--no-defaults",
        "--host=127.0.0.1",
        "--protocol=TCP",
        "--single-transaction",
        "--routines",
        "--triggers",
    ]);
    dump.arg(format!("--port={}", proxy.port)).arg(format!("--user={user}")).arg(format!("--password={password}"));
    let mut dump =
        dump.args(["--max-allowed-packet=64M", "nextcloud"]).stdout(Stdio::piped()).spawn().expect("mariadb-dump");
    let text = dump.stdout.take().expect("its output is piped");
    let mut restore = client_at(proxy.port, APP);
    restore.args(["--max-allowed-packet=64M", "test"]);
    let restored = restore.stdin(text).status().expect("mariadb starts");
    // It holds the pipe's other end, and a dump that nobody reads would wait for ever.
    drop(restore);
    assert!(dump.wait().expect("it was started").success(), "the dump failed\n{}", proxy.log());
    assert!(restored.success(), "the restore failed\n{}", proxy.log());
    let took = began.elapsed();
    done.store(true, Relaxed);
    let most = watch.join().expect("the watch does not panic");
    catch_up(&reader, &writer);
    for table in ["big", "blobs"] {
        let sum =
            |server: &MariaDb, database: &str| server.sql(&format!("CHECKSUM TABLE {database}.{table}"))[0][1].clone();
        let first = sum(&writer, "nextcloud");
        assert_ne!(first, "NULL");
        assert_eq!(first, sum(&writer, "test"), "{table} on the master");
        assert_eq!(first, sum(&reader, "test"), "{table} on the replica");
    }
    let definitions = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='test'
        UNION ALL SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='test'
        UNION ALL SELECT COUNT(*) FROM test.seen WHERE id=7";
    assert_eq!(writer.sql(definitions), [["1"], ["1"], ["1"]]);
    println!("{} MB dumped and restored in {took:?}; the proxy took {most} MB at most", megabytes());
    assert!(most <= BOUND_MB, "the proxy took {most} MB");
}

/// A GB takes a replica longer than other tests have patience.
fn catch_up(reader: &MariaDb, writer: &MariaDb) {
    let reached = reader.value(&format!("SELECT MASTER_GTID_WAIT('{}', 900)", writer.gtid()));
    assert_eq!(reached, "0", "the replica did not catch up");
}

/// VmRSS of a process; 0 where it is gone.
fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}
