//! Servers behind the SQL proxy fall away, fall behind, pretend and come back: applications notice as little as can be.

use std::time::{Duration, Instant};
use testbed::mariadb::APP;
use testbed::sql_client::Answer;
use testbed::{Folder, MariaDb, SqlClient, SqlProxy, wait_for};

/// Longer than any check of the monitor takes to tell.
const PATIENCE: Duration = Duration::from_secs(20);

const TABLE: &str = "CREATE TABLE test.writes (id INT AUTO_INCREMENT PRIMARY KEY, server INT)";
const WRITE: &str = "INSERT INTO writes (server) VALUES (@@server_id)";

/// A writer, a reader, and the proxy before them.
struct Stand {
    // Dropped in this order: the proxy first.
    proxy: SqlProxy,
    reader: MariaDb,
    writer: MariaDb,
    _folder: Folder,
}

impl Stand {
    fn new(name: &str) -> Self {
        Self::with(name, |config| config)
    }

    fn with(name: &str, change: impl FnOnce(String) -> String) -> Self {
        let folder = Folder::new(name);
        let writer = MariaDb::primary(folder.path());
        let reader = MariaDb::replica_of(&writer);
        writer.sql(TABLE);
        reader.wait_caught_up(&writer);
        let mut proxy = SqlProxy::prepare(folder.path(), &writer, &reader, change);
        proxy.serve();
        Self { proxy, reader, writer, _folder: folder }
    }

    fn client(&self) -> SqlClient {
        SqlClient::connect(self.proxy.port, APP, "test", true).expect("a session begins")
    }

    /// Status of the reader's line in its hostgroup.
    fn reader_status(&self) -> String {
        let sql = "SELECT status FROM stats_mysql_connection_pool WHERE hostgroup=20 AND srv_port=";
        let rows = self.proxy.admin(&format!("{sql}{}", self.reader.port()));
        rows.first().and_then(|row| row.first()).cloned().unwrap_or_default()
    }

    #[track_caller]
    fn wait_status(&self, wanted: &str) {
        until(&format!("the reader to be {wanted}"), || self.reader_status() == wanted);
    }

    fn has_alarm(&self, code: &str) -> bool {
        let metrics = self.proxy.admin("SHOW PROMETHEUS METRICS");
        metrics.iter().flatten().any(|line| line.contains(&format!("barque_sql_alarms{{code=\"{code}\"}}")))
    }

    #[track_caller]
    fn wait_alarm(&self, code: &str) {
        until(&format!("the alarm {code}"), || self.has_alarm(code));
    }
}

/// The one value of a one-row answer.
#[track_caller]
fn value(client: &mut SqlClient, sql: &str) -> String {
    match client.query(sql).expect("the connection holds").as_slice() {
        [Answer::Rows { rows, .. }] => String::from_utf8_lossy(&rows[0][1..]).into_owned(),
        other => panic!("{sql}: {other:?}"),
    }
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, PATIENCE, || if is_so() { Ok(()) } else { Err("not yet".to_owned()) });
}

fn is_ok(answers: &[Answer]) -> bool {
    matches!(answers, [Answer::Ok { .. }])
}

#[test]
fn a_writable_replica_gets_no_write() {
    let stand = Stand::new("sql-trap");
    let mut client = stand.client();
    assert_eq!(value(&mut client, "SELECT @@server_id"), "2");
    assert_eq!(value(&mut client, "SELECT @@server_id FOR UPDATE"), "1");
    stand.reader.set_read_only(false);
    stand.wait_alarm("writable_replica");
    for _ in 0..1000 {
        let answers = client.query(WRITE).expect("the connection holds");
        assert!(is_ok(&answers), "{answers:?}");
    }
    let elsewhere = stand.writer.value("SELECT COUNT(*) FROM test.writes WHERE server <> 1");
    assert_eq!(elsewhere, "0");
    assert_eq!(stand.writer.value("SELECT COUNT(*) FROM test.writes"), "1000");
}

#[test]
fn no_read_of_an_own_write_is_stale() {
    let stand = Stand::new("sql-causal");
    let mut client = stand.client();
    let mut on_replica = 0;
    for _ in 0..1000 {
        let answers = client.query(WRITE).expect("the connection holds");
        let [Answer::Ok { last_insert_id, .. }] = answers.as_slice() else { panic!("{answers:?}") };
        let sql = format!("SELECT CONCAT(COUNT(*), @@server_id) FROM writes WHERE id = {last_insert_id}");
        let seen = value(&mut client, &sql);
        assert!(seen.starts_with('1'), "id {last_insert_id} is not there: {seen}");
        on_replica += u32::from(seen == "12");
    }
    assert!(on_replica > 900, "only {on_replica} of 1,000 reads were the replica's");
}

#[test]
fn a_replica_that_stops_lags_or_dies_is_no_error() {
    let mut stand = Stand::new("sql-reader");
    let mut client = stand.client();
    assert_eq!(value(&mut client, "SELECT @@server_id"), "2");
    stand.reader.stop_slave();
    until("reads to leave the stopped replica", || value(&mut client, "SELECT @@server_id") == "1");
    stand.reader.start_slave();
    until("reads to come back", || value(&mut client, "SELECT @@server_id") == "2");
    stand.reader.kill();
    let died = Instant::now();
    assert_eq!(value(&mut client, "SELECT @@server_id"), "1");
    assert!(died.elapsed() < Duration::from_millis(500), "the first read took {:?}", died.elapsed());
    let mut fresh = stand.client();
    assert_eq!(value(&mut fresh, "SELECT @@server_id"), "1");
    stand.wait_status("SHUNNED");
    stand.reader.start();
    until("reads to come back", || value(&mut client, "SELECT @@server_id") == "2");
}

#[test]
fn a_lagging_replica_gets_no_new_read() {
    let stand = Stand::new("sql-lag");
    let (mut writes, mut reads) = (stand.client(), stand.client());
    assert_eq!(value(&mut reads, "SELECT @@server_id"), "2");
    // His file bears five seconds.
    stand.reader.set_delay(60);
    assert!(is_ok(&writes.query(WRITE).expect("the connection holds")));
    until("reads to leave the lagging replica", || value(&mut reads, "SELECT @@server_id") == "1");
    stand.wait_status("SHUNNED_REPLICATION_LAG");
    stand.reader.set_delay(0);
    until("reads to come back", || value(&mut reads, "SELECT @@server_id") == "2");
}

/// Nobody made its account: writes and reads go where his file says the writer is, and an alarm says what to do.
#[test]
fn without_the_monitors_account_the_rows_count() {
    let stand = Stand::with("sqlblind", |config| config.replace("proxysqlpwd", "not its password"));
    let mut client = stand.client();
    assert!(is_ok(&client.query(WRITE).expect("the connection holds")));
    assert_eq!(value(&mut client, "SELECT server FROM writes"), "1");
    assert_eq!(value(&mut client, "SELECT @@server_id FROM writes"), "1", "what may be behind is not read from");
    stand.wait_alarm("check_refused");
}

#[test]
fn a_statement_that_takes_too_long_is_ended() {
    let stand = Stand::new("sql-timeout");
    stand.proxy.admin(
        "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, destination_hostgroup, timeout, apply) \
         VALUES (1, 1, 'SLEEP', 20, 300, 1); LOAD MYSQL QUERY RULES TO RUNTIME",
    );
    let mut client = stand.client();
    let began = Instant::now();
    let answers = client.query("SELECT SLEEP(20)").expect("the connection holds");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(10), "{took:?}: {answers:?}");
    assert_eq!(value(&mut client, "SELECT @@server_id"), "2");
}

#[test]
fn who_has_something_open_may_end_it() {
    let mut stand = Stand::new("sql-stop");
    let (mut idle, mut open) = (stand.client(), stand.client());
    assert!(is_ok(&open.query("BEGIN").expect("the connection holds")));
    assert!(is_ok(&open.query(WRITE).expect("the connection holds")));
    let port = stand.proxy.port;
    let ends = std::thread::spawn(move || {
        // Nobody new comes in from when it was told to stop.
        until("the proxy to let nobody in", || SqlClient::connect(port, APP, "test", true).is_err());
        assert!(idle.query("SELECT 1").is_err(), "who has nothing open is let go");
        assert!(is_ok(&open.query(WRITE).expect("the connection holds")));
        assert!(is_ok(&open.query("COMMIT").expect("the connection holds")));
    });
    assert_eq!(stand.proxy.stop(), Some(0), "{}", stand.proxy.log());
    ends.join().expect("what was open could be ended");
    assert_eq!(stand.writer.value("SELECT COUNT(*) FROM test.writes"), "2");
}

#[test]
fn a_promoted_replica_is_written_to_at_once_and_the_old_master_is_not() {
    let mut stand = Stand::new("sql-failover");
    let mut client = stand.client();
    assert!(is_ok(&client.query(WRITE).expect("the connection holds")));
    stand.reader.wait_caught_up(&stand.writer);
    let mut open = stand.client();
    assert!(is_ok(&open.query("BEGIN").expect("the connection holds")));
    assert!(is_ok(&open.query(WRITE).expect("the connection holds")));
    stand.writer.kill();
    let answers = open.query(WRITE).expect("an answer");
    let [Answer::Error { message, .. }] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(message.contains("the transaction is rolled back"), "{message}");
    // A client with nothing open waits in its statement until there is a writer.
    let port = stand.proxy.port;
    let writes = std::thread::spawn(move || {
        let mut waiting = SqlClient::connect(port, APP, "test", true).expect("a session begins");
        let answers = waiting.query(WRITE).expect("the connection holds");
        (answers, Instant::now())
    });
    stand.reader.promote();
    let promoted = Instant::now();
    let (answers, written) = writes.join().expect("the writer does not panic");
    assert!(is_ok(&answers), "{answers:?}");
    let pause = written.saturating_duration_since(promoted);
    println!("written {pause:?} after the promotion");
    assert!(pause <= Duration::from_secs(1), "written only {pause:?} after the promotion");
    stand.writer.start();
    assert_eq!(stand.writer.value("SELECT @@read_only"), "0", "it comes back as one that takes writes");
    stand.wait_alarm("old_writer");
    // It was written to elsewhere, so that neither has all of the other's; and new settings are no reason to believe it.
    let died_at = stand.writer.value("SELECT @@gtid_current_pos");
    stand.writer.sql("CREATE TABLE test.elsewhere (id INT)");
    for number in 0..200 {
        if number % 50 == 0 {
            stand.proxy.admin("LOAD MYSQL VARIABLES TO RUNTIME");
            stand.proxy.admin("LOAD MYSQL SERVERS TO RUNTIME");
        }
        let answers = client.query(WRITE).expect("the connection holds");
        assert!(is_ok(&answers), "{answers:?}");
    }
    // Nor does a new process believe its row.
    stand.proxy.stop();
    stand.proxy.serve();
    client = stand.client();
    assert!(is_ok(&client.query(WRITE).expect("the connection holds")));
    stand.wait_alarm("old_writer");
    assert_eq!(stand.writer.value("SELECT COUNT(*) FROM test.writes WHERE server = 2"), "0");
    assert_eq!(stand.reader.value("SELECT COUNT(*) FROM test.writes WHERE server = 2"), "202");
    // Its administrator undoes that, and lets it follow from where it was.
    stand.writer.sql(&format!("DROP TABLE test.elsewhere; RESET MASTER; SET GLOBAL gtid_slave_pos='{died_at}'"));
    stand.writer.demote_to(&stand.reader);
    until("the old master to be read from", || value(&mut client, "SELECT @@server_id") == "1");
}
