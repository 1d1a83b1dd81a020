//! Every column of mysql_query_rules, the query cache, mirrors and the firewall, each told over the admin port and seen by a
//! client before real servers.

use std::time::{Duration, Instant};
use testbed::mariadb::APP;
use testbed::sql_client::Answer;
use testbed::{Folder, MariaDb, SqlClient, SqlProxy, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    proxy: SqlProxy,
    writer: MariaDb,
    reader: MariaDb,
    /// Of hostgroup 30: follows nobody.
    other: MariaDb,
    _folder: Folder,
}

const TABLE: &str = "CREATE TABLE test.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100))";

impl World {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let writer = MariaDb::primary(folder.path());
        let reader = MariaDb::replica_of(&writer);
        let other = MariaDb::primary(folder.path());
        writer.sql(TABLE);
        other.sql(TABLE);
        reader.wait_caught_up(&writer);
        let proxy = SqlProxy::start(folder.path(), &writer, &reader);
        let port = other.port();
        proxy.admin(&format!(
            "INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (30, '127.0.0.1', {port})"
        ));
        proxy.admin("LOAD MYSQL SERVERS TO RUNTIME");
        Self { proxy, writer, reader, other, _folder: folder }
    }

    fn client(&self) -> SqlClient {
        SqlClient::connect(self.proxy.port, APP, "test", true).expect("a client comes in")
    }

    /// Each is `column=value; column=value`; behind them are his two.
    fn rules(&self, rules: &[&str]) {
        self.proxy.admin("DELETE FROM mysql_query_rules");
        for (at, rule) in rules.iter().enumerate() {
            let pairs: Vec<(&str, &str)> = rule.split("; ").filter_map(|pair| pair.split_once('=')).collect();
            let (names, values): (Vec<&str>, Vec<&str>) = pairs.into_iter().unzip();
            let (names, values) = (names.join(","), values.join(","));
            let sql = format!("INSERT INTO mysql_query_rules (rule_id,active,{names}) VALUES ({},1,{values})", at + 1);
            self.proxy.admin(&sql);
        }
        let his = "(200,1,'^SELECT',20,1),(300,1,'.*',10,1)";
        self.proxy.admin(&format!(
            "INSERT INTO mysql_query_rules (rule_id,active,match_pattern,destination_hostgroup,apply) VALUES {his}"
        ));
        self.proxy.admin("LOAD MYSQL QUERY RULES TO RUNTIME");
    }

    fn variable(&self, name: &str, value: &str) {
        self.proxy.admin(&format!("SET {name}='{value}'"));
        self.proxy.admin("LOAD MYSQL VARIABLES TO RUNTIME");
    }

    fn figure(&self, name: &str) -> u64 {
        let sql = format!("SELECT Variable_Value FROM stats_mysql_global WHERE Variable_Name='{name}'");
        self.proxy.admin(&sql)[0][0].parse().expect("a number")
    }
}

/// The first value of the first row, `OK`, its words, or the error's number.
fn ask(client: &mut SqlClient, sql: &str) -> String {
    said(&client.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}")))
}

fn said(answers: &[Answer]) -> String {
    match &answers[0] {
        Answer::Rows { rows, .. } => rows.first().map_or_else(
            || "no row".to_owned(),
            |row| String::from_utf8_lossy(&row[1..=usize::from(row[0])]).into_owned(),
        ),
        Answer::Ok { info, .. } if info.is_empty() => "OK".to_owned(),
        Answer::Ok { info, .. } => format!("OK {info}"),
        Answer::Error { code, message, .. } => format!("error {code} {message}"),
        Answer::Prepared { .. } => "prepared".to_owned(),
    }
}

/// Name, rules, and what a client asks and hears: `*` is anything.
type Case = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const NODE: &str = "SELECT @@server_id";

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("error_msg", &["match_pattern='forbidden'; error_msg='not here'; apply=1"],
        &[("SELECT 'forbidden'", "error 1148 not here"), ("SELECT 'allowed'", "allowed")]),
    ("OK_msg", &["match_pattern='nothing'; OK_msg='as you say'; apply=1"], &[("DELETE FROM nothing", "OK as you say")]),
    ("OK_msg goes first", &["match_pattern='both'; OK_msg='fine'; error_msg='not here'; apply=1"],
        &[("SELECT 'both'", "OK fine")]),
    ("replace_pattern", &["match_pattern='be(.)ore'; replace_pattern='a\\1ter'; destination_hostgroup=10; apply=1"],
        &[("SELECT 'before'", "after")]),
    ("destination_hostgroup", &["match_pattern='elsewhere'; destination_hostgroup=30; apply=1"],
        &[("SELECT @@server_id, 'elsewhere'", "3"), (NODE, "2")]),
    ("username", &["username='nobody'; error_msg='a'", "username='nextcloud'; match_pattern='q'; error_msg='b'"],
        &[("SELECT 1", "1"), ("SELECT 'q'", "error 1148 b")]),
    ("schemaname", &["schemaname='other'; error_msg='a'; apply=1", "schemaname='test'; match_pattern='q'; error_msg='b'"],
        &[("SELECT 1", "1"), ("SELECT 'q'", "error 1148 b")]),
    ("client_addr", &["client_addr='10.%'; error_msg='a'", "client_addr='127.0.0.%'; match_pattern='q'; error_msg='b'"],
        &[("SELECT 1", "1"), ("SELECT 'q'", "error 1148 b")]),
    ("proxy_addr", &["proxy_addr='10.0.0.1'; error_msg='a'", "proxy_addr='127.0.0.1'; match_pattern='q'; error_msg='b'"],
        &[("SELECT 1", "1"), ("SELECT 'q'", "error 1148 b")]),
    ("proxy_port", &["proxy_port=1; error_msg='a'", "proxy_port=PORT; match_pattern='q'; error_msg='b'"],
        &[("SELECT 1", "1"), ("SELECT 'q'", "error 1148 b")]),
    ("digest, negated", &["match_digest='^SELECT|^SET'; negate_match_pattern=1; error_msg='only reads'; apply=1"],
        &[("SELECT 1", "1"), ("DELETE FROM t", "error 1148 only reads")]),
    ("re_modifiers", &["match_pattern='Exactly'; re_modifiers=''; error_msg='a'; apply=1"],
        &[("SELECT 'exactly'", "exactly"), ("SELECT 'Exactly'", "error 1148 a")]),
    ("flagOUT", &["match_pattern='go'; flagOUT=5", "flagIN=5; match_pattern='.'; error_msg='five'; apply=1"],
        &[("SELECT 1", "1"), ("SELECT 'go'", "error 1148 five")]),
    ("attributes", &["match_pattern='go'; attributes='{\"flagOUTs\":[{\"id\":5,\"weight\":1}]}'",
        "flagIN=5; match_pattern='.'; error_msg='five'; apply=1"], &[("SELECT 'go'", "error 1148 five")]),
    ("next_query_flagIN", &["match_pattern='first'; next_query_flagIN=7", "flagIN=7; match_pattern='.'; error_msg='7'"],
        &[("SELECT 'first'", "first"), ("SELECT 2", "error 1148 7"), ("SELECT 3", "3")]),
    ("multiplex 0 and 1", &["match_pattern='keep'; multiplex=0; destination_hostgroup=10; apply=1",
        "match_pattern='free'; multiplex=1; destination_hostgroup=10; apply=1"],
        &[("SELECT 'keep'", "keep"), (NODE, "1"), (NODE, "1"), ("SELECT 'free'", "free"), (NODE, "2")]),
    ("user variables hold", &[], &[("SET @a=5", "OK"), (NODE, "1")]),
    ("multiplex 2", &["match_pattern='@a='; multiplex=2; destination_hostgroup=10; apply=1"],
        &[("SET @a=5", "OK"), (NODE, "2")]),
    ("sticky_conn", &["match_pattern='.'; sticky_conn=1"], &[("SELECT 1", "1")]),
    ("retries", &["match_pattern='.'; retries=0"], &[("SELECT 1", "1")]),
    ("timeout", &["match_pattern='SLEEP'; timeout=200; destination_hostgroup=10; apply=1"],
        &[("SELECT SLEEP(30)", "*"), ("SELECT 1", "1")]),
    ("hint of a hostgroup", &[], &[("/* hostgroup=10 */ SELECT @@server_id", "1"), (NODE, "2")]),
    ("log", &["match_pattern='noted'; log=1; destination_hostgroup=20; apply=1"], &[("SELECT 'noted'", "noted")]),
];

#[test]
fn each_column_does_what_it_says() {
    let world = World::new("sql-rules");
    let mut wrong = Vec::new();
    for (name, rules, steps) in CASES {
        let rules: Vec<String> = rules.iter().map(|rule| rule.replace("PORT", &world.proxy.port.to_string())).collect();
        world.rules(&rules.iter().map(String::as_str).collect::<Vec<_>>());
        let mut client = world.client();
        for (sql, wanted) in *steps {
            let found = ask(&mut client, sql);
            if *wanted != "*" && found != *wanted {
                wrong.push(format!("{name}: {sql}: {found:?}, wanted {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), world.proxy.log());
    wait_for("a line of the log", PATIENCE, || {
        let log = world.proxy.log();
        if log.contains("STATEMENT") && log.contains("hostgroup=20") { Ok(()) } else { Err(log) }
    });
    delays(&world);
    digests(&world);
    causal(&world);
    executions(&world);
    fast_forward(&world);
}

fn delays(world: &World) {
    let timed = |client: &mut SqlClient, sql: &str| {
        let began = Instant::now();
        ask(client, sql);
        began.elapsed()
    };
    const HELD: Duration = Duration::from_millis(400);
    world.rules(&["match_pattern='slowly'; delay=400"]);
    let mut client = world.client();
    assert!(timed(&mut client, "SELECT 'slowly'") >= HELD);
    assert!(timed(&mut client, "/* query_delay=400 */ SELECT 1") >= HELD);
    world.variable("mysql-default_query_delay", "400");
    assert!(timed(&mut client, "SELECT 1") >= HELD);
    world.variable("mysql-default_query_delay", "0");
    world.variable("mysql-throttle_max_bytes_per_second_to_client", "500000");
    assert!(timed(&mut client, "SELECT REPEAT('x', 600000)") >= Duration::from_secs(1));
    world.variable("mysql-throttle_max_bytes_per_second_to_client", "0");
}

/// One connection of the writer, and no rules.
fn fast_forward(world: &World) {
    world.rules(&["match_pattern='.'; error_msg='never asked'; apply=1"]);
    world.proxy.admin("UPDATE mysql_users SET fast_forward=1");
    world.proxy.admin("LOAD MYSQL USERS TO RUNTIME");
    let mut client = world.client();
    let connection = ask(&mut client, "SELECT CONCAT(@@server_id, '-', CONNECTION_ID())");
    assert!(connection.starts_with("1-"), "{connection}");
    assert_eq!(ask(&mut client, "SELECT CONCAT(@@server_id, '-', CONNECTION_ID())"), connection);
    world.proxy.admin("UPDATE mysql_users SET fast_forward=0");
    world.proxy.admin("LOAD MYSQL USERS TO RUNTIME");
}

fn digests(world: &World) {
    world.rules(&[]);
    let mut client = world.client();
    ask(&mut client, "SELECT 41 AS forty_one");
    let sql = "SELECT digest FROM stats_mysql_query_digest WHERE digest_text='SELECT ? AS forty_one'";
    let digest = world.proxy.admin(sql)[0][0].clone();
    world.rules(&[&format!("digest='{digest}'; error_msg='that one'; apply=1")]);
    assert_eq!(ask(&mut client, "SELECT 42 AS forty_one"), "error 1148 that one");
    assert_eq!(ask(&mut client, "SELECT 42 AS forty_two"), "42");
}

/// With `mysql-causal_reads=none` a read is what the replica has, unless its rule or a hint wants what was written.
fn causal(world: &World) {
    world.variable("mysql-causal_reads", "none");
    world.reader.set_delay(3);
    world.rules(&["match_pattern='surely'; gtid_from_hostgroup=10; destination_hostgroup=20; apply=1"]);
    let mut client = world.client();
    ask(&mut client, "INSERT INTO t (v) VALUES ('causal')");
    let count = "SELECT COUNT(*) FROM t WHERE v='causal'";
    assert_eq!(ask(&mut client, count), "0");
    assert_eq!(ask(&mut client, "SELECT COUNT(*), 'surely' FROM t WHERE v='causal'"), "1");
    assert_eq!(ask(&mut client, &format!("/* causal_reads=1 */ {count}")), "1");
    world.reader.set_delay(0);
    world.reader.wait_caught_up(&world.writer);
    world.variable("mysql-causal_reads", "session");
}

/// Of prepared statements: refused and answered when they are executed too.
fn executions(world: &World) {
    world.rules(&[]);
    let mut client = world.client();
    let Answer::Prepared { id, .. } = client.prepare("SELECT 'prepared'").unwrap() else { panic!("not prepared") };
    let answers = client.execute(id, &[], true).unwrap();
    assert!(matches!(&answers[..], [Answer::Rows { rows, .. }] if rows[0].ends_with(b"prepared")), "{answers:?}");
    world.rules(&["match_pattern='prepared'; error_msg='no more'; apply=1"]);
    assert_eq!(said(&client.execute(id, &[], false).unwrap()), "error 1148 no more");
}

#[test]
fn answers_are_kept_and_given_again() {
    let world = World::new("sql-cache");
    let cached = "match_pattern='kept'; destination_hostgroup=20; cache_ttl=600000; apply=1";
    world.rules(&[cached]);
    let (mut one, mut two) = (world.client(), world.client());
    let hits = || world.figure("Query_Cache_count_GET_OK");
    let sql = "SELECT COUNT(*) AS kept FROM t";
    assert_eq!(ask(&mut one, sql), "0");
    assert_eq!((ask(&mut one, sql), ask(&mut two, sql), hits()), ("0".into(), "0".into(), 2));
    let minus_one = "SELECT SUM(count_star) FROM stats_mysql_query_digest WHERE hostgroup=-1";
    assert_eq!(world.proxy.admin(minus_one), [["2"]]);

    // Whoever writes sees it at once; whoever did not may get the older answer.
    ask(&mut one, "INSERT INTO t (v) VALUES ('a')");
    assert_eq!(ask(&mut two, sql), "0");
    world.reader.wait_caught_up(&world.writer);
    assert_eq!(ask(&mut one, sql), "1");
    assert_eq!((ask(&mut two, sql), hits()), ("1".into(), 4));

    // Other state, other schema, other protocol: other answers.
    let text = "SELECT DAYNAME('2026-11-28') AS kept";
    assert_eq!(ask(&mut one, text), "Saturday");
    ask(&mut two, "SET lc_time_names='de_DE'");
    assert_eq!((ask(&mut two, text), ask(&mut one, text)), ("Samstag".into(), "Saturday".into()));
    let mut without = SqlClient::connect(world.proxy.port, APP, "test", false).unwrap();
    assert_eq!(ask(&mut without, sql), "1");
    assert_eq!(ask(&mut without, sql), "1");
    let Answer::Prepared { id, .. } = one.prepare("SELECT v AS kept FROM t WHERE v=?").unwrap() else { panic!() };
    let before = hits();
    let first = one.execute(id, &["a"], true).unwrap();
    assert_eq!(one.execute(id, &["a"], false).unwrap(), first);
    assert_ne!(one.execute(id, &["b"], false).unwrap(), first);
    assert_eq!(hits(), before + 1);

    // What changes by itself, and what happens in a transaction, is asked each time.
    for sql in ["SELECT RAND() AS kept", "SELECT UUID() AS kept"] {
        assert_ne!(ask(&mut one, sql), ask(&mut one, sql));
    }
    ask(&mut one, "BEGIN");
    ask(&mut one, "INSERT INTO t (v) VALUES ('b')");
    assert_eq!(ask(&mut one, sql), "2");
    ask(&mut one, "ROLLBACK");
    assert_eq!(ask(&mut one, sql), "1");

    // Nothing of the statement before is told for one that was answered from here.
    ask(&mut two, "SELECT CAST('x' AS INT)");
    assert_ne!(ask(&mut two, "SHOW WARNINGS"), "no row");
    ask(&mut two, "SELECT CAST('x' AS INT)");
    ask(&mut two, sql);
    assert_eq!(ask(&mut two, "SHOW WARNINGS"), "no row");

    // Empty results by the rule's word, a hint for any statement, a time that is over, FLUSH.
    world.rules(&[&format!("{cached}; cache_empty_result=0")]);
    let empty = "SELECT 'kept' FROM t WHERE id=0";
    let before = hits();
    assert_eq!((ask(&mut one, empty), ask(&mut one, empty), hits()), ("no row".into(), "no row".into(), before));
    let hint = "/* cache_ttl=300 */ SELECT COUNT(*) FROM t";
    assert_eq!((ask(&mut one, hint), ask(&mut one, hint), hits()), ("1".into(), "1".into(), before + 1));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!((ask(&mut one, hint), hits()), ("1".into(), before + 1));
    assert!(world.figure("Query_Cache_Entries") > 0 && world.figure("Query_Cache_Memory_bytes") > 0);
    world.proxy.admin("PROXYSQL FLUSH QUERY CACHE");
    assert_eq!((world.figure("Query_Cache_Entries"), world.figure("Query_Cache_Memory_bytes")), (0, 0));

    // A hit needs no server.
    assert_eq!(ask(&mut two, sql), "1");
    world.reader.freeze();
    assert_eq!(ask(&mut two, sql), "1");
    world.reader.thaw();
}

#[test]
fn copies_go_aside() {
    let world = World::new("sql-mirror");
    world.rules(&["match_pattern='INTO t'; destination_hostgroup=10; mirror_hostgroup=30; apply=1"]);
    let mut client = world.client();
    ask(&mut client, "INSERT INTO t (v) VALUES ('copied')");
    let there = |wanted: &str| {
        wait_for("a copy", PATIENCE, || {
            let found = world.other.value("SELECT GROUP_CONCAT(v ORDER BY id) FROM test.t");
            if found == wanted { Ok(()) } else { Err(found) }
        });
    };
    there("copied");
    assert_eq!(world.writer.value("SELECT COUNT(*) FROM test.t"), "1");

    // By rules of its own, which may write it anew.
    world.rules(&[
        "match_pattern='INTO t'; destination_hostgroup=10; mirror_flagOUT=9; apply=1",
        "flagIN=9; match_pattern='again'; replace_pattern='otherwise'; destination_hostgroup=30; apply=1",
    ]);
    ask(&mut client, "INSERT INTO t (v) VALUES ('again')");
    there("copied,otherwise");
    assert_eq!(world.writer.value("SELECT v FROM test.t WHERE id=2"), "again");

    // Never to a reader hostgroup nor twice to the writer; a copy that fails is nobody's business.
    world.rules(&["match_pattern='INTO t'; destination_hostgroup=10; mirror_hostgroup=20; apply=1"]);
    assert_eq!(ask(&mut client, "INSERT INTO t (v) VALUES ('once')"), "OK");
    assert_eq!(world.figure("Mirror_queries_dropped"), 1);
    assert_eq!(world.writer.value("SELECT COUNT(*) FROM test.t WHERE v='once'"), "1");
    world.other.freeze();
    world.rules(&["match_pattern='INTO t'; destination_hostgroup=10; mirror_hostgroup=30; apply=1"]);
    let began = Instant::now();
    for _ in 0..50 {
        assert_eq!(ask(&mut client, "INSERT INTO t (v) VALUES ('many')"), "OK");
    }
    assert!(began.elapsed() < Duration::from_secs(8));
    world.other.thaw();
    wait_for("all copies", PATIENCE, || {
        let (sent, failed) = (world.figure("Mirror_queries_sent"), world.figure("Mirror_queries_failed"));
        if sent + failed >= 52 { Ok(()) } else { Err(format!("{sent} sent, {failed} failed")) }
    });
}

#[test]
fn the_firewall_knows_what_may_pass() {
    let world = World::new("sql-firewall");
    let mut client = world.client();
    assert_eq!(ask(&mut client, "SELECT 1 AS allowed"), "1");
    let sql = "SELECT digest FROM stats_mysql_query_digest WHERE digest_text='SELECT ? AS allowed'";
    let digest = world.proxy.admin(sql)[0][0].clone();
    let user = |mode: &str| {
        world.proxy.admin("DELETE FROM mysql_firewall_whitelist_users");
        world.proxy.admin(&format!(
            "INSERT INTO mysql_firewall_whitelist_users (active,username,client_address,mode,comment) \
             VALUES (1,'nextcloud','','{mode}','')"
        ));
        world.proxy.admin("LOAD MYSQL FIREWALL TO RUNTIME");
    };
    world.proxy.admin(&format!(
        "INSERT INTO mysql_firewall_whitelist_rules (active,username,client_address,schemaname,flagIN,digest,comment) \
         VALUES (1,'nextcloud','','test',0,'{digest}','')"
    ));
    user("PROTECTING");
    assert_eq!(ask(&mut client, "SELECT 2 AS other"), "2", "it is off until its variable says otherwise");
    world.variable("mysql-firewall_whitelist_errormsg", "stopped at the wall");
    world.variable("mysql-firewall_whitelist_enabled", "true");
    assert_eq!(ask(&mut client, "SELECT 7 AS allowed"), "7");
    assert_eq!(ask(&mut client, "SELECT 2 AS other"), "error 1148 stopped at the wall");
    assert_eq!(ask(&mut client, "DROP TABLE t"), "error 1148 stopped at the wall");
    user("DETECTING");
    assert_eq!(ask(&mut client, "SELECT 2 AS other"), "2");
    user("OFF");
    assert_eq!(ask(&mut client, "SELECT 2 AS other"), "2");
    assert_eq!((world.figure("Firewall_refused"), world.figure("Firewall_detected")), (2, 1));
    assert_eq!(world.proxy.admin("SELECT mode FROM runtime_mysql_firewall_whitelist_users"), [["OFF"]]);
}

/// What runs, waits for a server or is idle, ended by its user and by an administrator; nobody else's statement is met.
#[test]
fn the_right_one_is_killed() {
    let world = World::new("sql-kill");
    let sleeper = |sql: &'static str| {
        let mut client = world.client();
        let id = client.id;
        (id, std::thread::spawn(move || client.query(sql).map(|answers| said(&answers))))
    };
    let running = |count: &str| {
        wait_for("statements at the writer", PATIENCE, || {
            let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'";
            let found = world.writer.value(sql);
            if found == count { Ok(()) } else { Err(found) }
        });
    };
    let mut killer = world.client();
    world.rules(&["match_pattern='SLEEP'; destination_hostgroup=10; apply=1"]);
    let (id, query) = sleeper("SELECT SLEEP(100)");
    running("1");
    assert_eq!(ask(&mut killer, &format!("KILL QUERY {id}")), "OK");
    let answer = query.join().unwrap().unwrap();
    assert!(answer == "1" || answer.starts_with("error 1317"), "{answer}");

    let (id, session) = sleeper("SELECT SLEEP(101)");
    running("1");
    assert_eq!(ask(&mut killer, &format!("KILL {id}")), "OK");
    assert!(session.join().unwrap().is_err());
    running("0");

    let (id, session) = sleeper("SELECT SLEEP(102)");
    running("1");
    world.proxy.admin(&format!("KILL CONNECTION {id}"));
    assert!(session.join().unwrap().is_err());
    running("0");

    // One that waits for a hostgroup without servers.
    world.rules(&["match_pattern='SLEEP'; destination_hostgroup=77; apply=1"]);
    let (id, session) = sleeper("SELECT SLEEP(103)");
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(300));
    world.proxy.admin(&format!("KILL CONNECTION {id}"));
    assert!(session.join().unwrap().is_err());
    assert!(began.elapsed() < Duration::from_secs(5));

    // KILL QUERY again and again at a session that asks again and again: only ever its own answers and 1317.
    world.rules(&[]);
    let mut busy = world.client();
    let (id, done) = (busy.id, std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let stop = done.clone();
    let other = std::thread::spawn(move || {
        let mut kills = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            killer.query(&format!("KILL QUERY {id}")).unwrap();
            kills += 1;
        }
        kills
    });
    let mut bystander = world.client();
    for number in 0..300 {
        let answer = ask(&mut busy, &format!("SELECT {number}"));
        assert!(answer == number.to_string() || answer.starts_with("error 1317"), "{answer}");
        assert_eq!(ask(&mut bystander, &format!("SELECT {number}")), number.to_string());
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(other.join().unwrap() > 0);
}

/// Two prepared statements of one text: what is sent ahead for one is not the other's.
#[test]
fn statements_of_one_text_are_apart() {
    let world = World::new("sql-twins");
    twins(world.writer.port());
    twins(world.proxy.port);
}

fn twins(port: u16) {
    let mut client = SqlClient::connect(port, APP, "test", true).unwrap();
    let sql = "SELECT CONCAT(?, '!')";
    let Answer::Prepared { id: one, .. } = client.prepare(sql).unwrap() else { panic!("not prepared") };
    let Answer::Prepared { id: two, .. } = client.prepare(sql).unwrap() else { panic!("not prepared") };
    let ahead = |client: &mut SqlClient, id: u32, data: &[u8]| {
        let mut payload = vec![0x18];
        payload.extend_from_slice(&id.to_le_bytes());
        payload.extend_from_slice(&[0, 0]);
        payload.extend_from_slice(data);
        client.send_noise(&payload).unwrap();
    };
    let heard = |answers: Vec<Answer>| match &answers[..] {
        [Answer::Rows { rows, .. }] => String::from_utf8_lossy(&rows[0][3..]).into_owned(),
        other => panic!("{other:?}"),
    };
    let Answer::Prepared { id: three, .. } = client.prepare(sql).unwrap() else { panic!("not prepared") };
    ahead(&mut client, one, b"ahead");
    ahead(&mut client, two, b"second");
    assert_eq!(heard(client.execute(three, &["plain"], true).unwrap()), "plain!");
    assert_eq!(heard(client.execute_sent_ahead(one).unwrap()), "ahead!");
    assert_eq!(heard(client.execute_sent_ahead(two).unwrap()), "second!");
}

#[test]
fn connections_begin_as_the_hostgroup_says() {
    let world = World::new("sql-manners");
    world.variable("mysql-init_connect", "SET @from_variable=1");
    world.proxy.admin("INSERT INTO mysql_hostgroup_attributes (hostgroup_id,init_connect) VALUES (30,'SET @own=2')");
    world.proxy.admin("LOAD MYSQL SERVERS TO RUNTIME");
    world.rules(&["match_pattern='thirty'; destination_hostgroup=30; apply=1"]);
    let mut client = world.client();
    assert_eq!(ask(&mut client, "/* thirty */ SELECT CONCAT(@own, IFNULL(@from_variable, '-'))"), "2-");
    let mut client = world.client();
    assert_eq!(ask(&mut client, "SELECT @from_variable"), "1");
    world.variable("mysql-init_connect", "");

    // A session that a hostgroup keeps stays on its connection.
    world.proxy.admin("UPDATE mysql_hostgroup_attributes SET multiplex=0, hostgroup_id=10");
    world.proxy.admin("LOAD MYSQL SERVERS TO RUNTIME");
    let mut client = world.client();
    ask(&mut client, "DO 1");
    assert_eq!(ask(&mut client, NODE), "1");

    // Two new connections a second.
    world
        .proxy
        .admin("UPDATE mysql_hostgroup_attributes SET multiplex=1, throttle_connections_per_sec=2, hostgroup_id=30");
    world.proxy.admin("LOAD MYSQL SERVERS TO RUNTIME");
    let began = Instant::now();
    let sessions: Vec<_> = (0..6)
        .map(|_| {
            let mut client = world.client();
            std::thread::spawn(move || ask(&mut client, "/* thirty */ SELECT SLEEP(3)"))
        })
        .collect();
    for session in sessions {
        assert_eq!(session.join().unwrap(), "0");
    }
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
}

/// However clients are spread over workers, all of a server's connections are theirs.
#[test]
fn all_connections_are_everybodys() {
    let folder = Folder::new("sql-share");
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    let mut proxy = SqlProxy::prepare(folder.path(), &writer, &reader, |config| {
        config.replace("max_connections=100", "max_connections=4")
    });
    proxy.serve();
    for _ in 0..10 {
        let mut clients: Vec<SqlClient> =
            (0..4).map(|_| SqlClient::connect(proxy.port, APP, "test", true).unwrap()).collect();
        let began = Instant::now();
        for client in &mut clients {
            assert_eq!(ask(client, "BEGIN"), "OK");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let most = "SELECT MAX(ConnUsed+ConnFree) FROM stats_mysql_connection_pool WHERE hostgroup=10";
        assert_eq!(proxy.admin(most), [["4"]]);
        // One more waits until another is done.
        let mut fifth = SqlClient::connect(proxy.port, APP, "test", true).unwrap();
        let waiting = std::thread::spawn(move || ask(&mut fifth, "DO 5"));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        ask(&mut clients[0], "COMMIT");
        assert_eq!(waiting.join().unwrap(), "OK");
    }
}
