//! The servers that tests of the SQL proxy stand on: they replicate, are promoted, and survive being killed.

use std::time::Duration;
use testbed::mariadb::{APP, MONITOR, ask};
use testbed::{Folder, MariaDb, wait_for};

#[test]
fn a_replica_follows_and_refuses_writes() {
    let folder = Folder::new("db-follow");
    let primary = MariaDb::primary(folder.path());
    let replica = MariaDb::replica_of(&primary);
    assert_eq!((primary.value("SELECT @@server_id"), replica.value("SELECT @@server_id")), ("1".into(), "2".into()));
    let app = |server: &MariaDb, text: &str| ask(server.port(), APP, "test", text);
    app(&primary, "CREATE TABLE t (a INT PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x\ty'), (2, NULL)").unwrap();
    replica.wait_caught_up(&primary);
    assert_eq!(app(&replica, "SELECT * FROM t").unwrap(), [["1", "x\ty"], ["2", "NULL"]]);
    let refused = app(&replica, "INSERT INTO t VALUES (3, '')").unwrap_err();
    assert!(refused.contains("ERROR 1290"), "{refused}");
}

#[test]
fn the_monitor_sees_lag_where_it_may() {
    let folder = Folder::new("db-monitor");
    let primary = MariaDb::primary(folder.path());
    let replica = MariaDb::replica_of(&primary);
    let status = || ask(replica.port(), MONITOR, "", "SELECT @@global.read_only; SHOW SLAVE STATUS");
    assert_eq!(status().unwrap().len(), 2);
    replica.set_monitor_rights(false);
    let refused = status().unwrap_err();
    assert!(refused.contains("ERROR 1227"), "{refused}");
    replica.set_monitor_rights(true);
    assert_eq!(status().unwrap().len(), 2);
}

#[test]
fn a_killed_server_keeps_what_was_committed_and_a_replica_takes_over() {
    let folder = Folder::new("db-kill");
    let mut primary = MariaDb::primary(folder.path());
    let mut replica = MariaDb::replica_of(&primary);
    primary.sql("CREATE TABLE test.t (a INT PRIMARY KEY); INSERT INTO test.t VALUES (1)");
    replica.wait_caught_up(&primary);
    primary.kill();
    replica.promote();
    replica.sql("INSERT INTO test.t VALUES (2)");
    primary.start();
    assert_eq!(primary.sql("SELECT a FROM test.t"), [["1"]]);
    assert_eq!(primary.value("SELECT @@read_only"), "0", "an old master returns as one that takes writes");
    primary.demote_to(&replica);
    primary.wait_caught_up(&replica);
    assert_eq!(primary.sql("SELECT a FROM test.t"), [["1"], ["2"]]);
    replica.stop();
    replica.start();
    assert_eq!(replica.value("SELECT @@read_only"), "0");
}

#[test]
fn a_frozen_server_says_nothing_until_it_is_thawed() {
    let folder = Folder::new("db-frozen");
    let primary = MariaDb::primary(folder.path());
    primary.set_general_log(true);
    primary.freeze();
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| primary.value("SELECT 4711"));
        // Its connection is open: the kernel took it, the server did not.
        wait_for("stopped", Duration::from_secs(10), || state(primary.pid()));
        assert!(!asking.is_finished());
        primary.thaw();
        asking.join().unwrap()
    });
    assert_eq!(asked, "4711");
    assert!(primary.general_log().contains("SELECT 4711"), "{}", primary.general_log());
}

/// `T` in `/proc/PID/stat`: stopped.
fn state(pid: u32) -> Result<(), String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| error.to_string())?;
    if stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')) { Ok(()) } else { Err(stat) }
}

#[test]
fn nothing_is_left_behind() {
    let folder = Folder::new("db-gone");
    let primary = MariaDb::primary(folder.path());
    let (pid, place) = (primary.pid(), primary.folder().to_path_buf());
    drop(primary);
    assert!(!place.exists() && !std::path::Path::new(&format!("/proc/{pid}")).exists());
}
