//! The engine as a client meets it: a text in, a printed answer out. The running proxy is a store of rows.

mod clients;
mod world;

use super::Role;
use expect_test::expect;
use std::os::unix::fs::PermissionsExt;
use world::{start, world};

#[test]
fn the_tables_of_his_post() {
    let mut admin = world();
    admin.check(
        "SELECT hostgroup_id, hostname, port, status, max_connections, max_replication_lag FROM mysql_servers",
        expect![[r#"
            hostgroup_id | hostname | port | status | max_connections | max_replication_lag
            10 | 192.168.0.17 | 3306 | ONLINE | 100 | 5
            20 | 192.168.0.77 | 3306 | ONLINE | 100 | 5
        "#]],
    );
    admin.check(
        "SELECT hostgroup_id, hostname, status FROM runtime_mysql_servers",
        expect![[r#"
            hostgroup_id | hostname | status
            10 | 192.168.0.17 | ONLINE
            20 | 192.168.0.77 | ONLINE
        "#]],
    );
    admin.check(
        "SELECT * FROM mysql_replication_hostgroups",
        expect![[r#"
            writer_hostgroup | reader_hostgroup | check_type | comment
            10 | 20 | read_only | MariaDB Replication
        "#]],
    );
    admin.check(
        "SELECT rule_id, active, match_pattern, destination_hostgroup, apply FROM mysql_query_rules",
        expect![[r#"
            rule_id | active | match_pattern | destination_hostgroup | apply
            100 | 1 | ^SELECT .* FOR UPDATE | 10 | 1
            200 | 1 | ^SELECT .* | 20 | 1
            300 | 1 | .* | 10 | 1
        "#]],
    );
    admin.check(
        "SELECT hostgroup, srv_host, status, ConnUsed, Queries FROM stats_mysql_connection_pool",
        expect![[r#"
        hostgroup | srv_host | status | ConnUsed | Queries
        0 | t1 | t3 | 4 | 9
    "#]],
    );
    admin.check(
        "SELECT digest_text, count_star FROM stats.stats_mysql_query_digest",
        expect![[r#"
        digest_text | count_star
        t5 | 6
    "#]],
    );
    admin.check(
        "SELECT hostname, read_only FROM monitor.mysql_server_read_only_log",
        expect![[r#"
        hostname | read_only
        t0 | 4
    "#]],
    );
    admin.check(
        "SHOW TABLES FROM monitor",
        expect![[r#"
        tables
        mysql_server_connect_log
        mysql_server_galera_log
        mysql_server_group_replication_log
        mysql_server_ping_log
        mysql_server_read_only_log
        mysql_server_replication_lag_log
    "#]],
    );
    admin.check(
        "SHOW TABLES LIKE 'mysql\\_users'",
        expect![[r#"
        tables
        mysql_users
    "#]],
    );
}

#[test]
fn edits_reach_the_running_proxy_by_a_load() {
    let mut admin = world();
    admin.check(
        "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (20, 'c')",
        expect![[r#"
        OK 1 
    "#]],
    );
    admin.check(
        "SELECT count(*) FROM runtime_mysql_servers",
        expect![[r#"
        count(*)
        2
    "#]],
    );
    admin.check(
        "LOAD MYSQL SERVERS TO RUNTIME; SELECT count(*) FROM runtime_mysql_servers",
        expect![[r#"
        OK 0 
        count(*)
        3
    "#]],
    );
    admin.check(
        "DELETE FROM mysql_servers; SAVE MYSQL SERVERS FROM RUNTIME; SELECT hostname FROM mysql_servers",
        expect![[r#"
            OK 3 
            OK 0 
            hostname
            192.168.0.17
            192.168.0.77
            c
        "#]],
    );
    admin.check("SAVE MYSQL SERVERS TO DISK", expect![[r#"
        OK 0 saved; the configuration file is still what the next start reads (the database only with compat): take the change over into the file, SELECT CONFIG prints it
    "#]]);
    admin.check(
        "DELETE FROM mysql_servers; LOAD MYSQL SERVERS TO MEM; SELECT hostname FROM mysql_servers",
        expect![[r#"
            OK 3 
            OK 0 
            hostname
            192.168.0.17
            192.168.0.77
            c
        "#]],
    );
    admin.check(
        "DELETE FROM mysql_servers; LOAD MYSQL SERVERS FROM CONFIG; SELECT hostname FROM mysql_servers",
        expect![[r#"
            OK 3 
            OK 0 
            hostname
            192.168.0.17
            192.168.0.77
        "#]],
    );
    admin.check(
        "LOAD MYSQL USER nobody TO RUNTIME",
        expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: mysql_users has no user 'nobody'
    "#]],
    );
    admin.check(
        "CHECKSUM MEMORY MYSQL USERS; CHECKSUM DISK SCHEDULER",
        expect![[r#"
            table | checksum
            mysql_users | 0x28E1F21C33267D5F
            table | checksum
            scheduler | 0x97D170E1550EEE4A
        "#]],
    );
}

#[test]
fn checks_speak_as_proxysql_does() {
    let mut admin = world();
    admin.check("UPDATE mysql_servers SET status='UP'", expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: CHECK constraint failed: UPPER(status) IN ('ONLINE','SHUNNED','OFFLINE_SOFT','OFFLINE_HARD')
    "#]]);
    admin.check("INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (10, '192.168.0.17')", expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: UNIQUE constraint failed: mysql_servers.hostgroup_id, mysql_servers.hostname, mysql_servers.port
    "#]]);
    admin.check(
        "SELEC 1",
        expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: near "SELEC": syntax error
    "#]],
    );
    admin.check(
        "SELECT * FROM no_such",
        expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: no such table: no_such
    "#]],
    );
}

#[test]
fn variables() {
    let mut admin = world();
    admin.check(
        "SET mysql-threads=8; SELECT @@mysql-threads, @@threads AS n",
        expect![[r#"
        OK 1 
        @@mysql-threads | n
        8 | 8
    "#]],
    );
    admin.check("SET mysql-threads='many'; UPDATE global_variables SET variable_value='-1' WHERE variable_name='mysql-max_connections'", expect![[r#"
        OK 1 
        OK 1 
    "#]]);
    admin.check(
        "INSERT INTO global_variables VALUES ('mysql-nonsense','1')",
        expect![[r#"
        OK 1 
    "#]],
    );
    admin.check("LOAD MYSQL VARIABLES TO RUNTIME", expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: mysql-max_connections is not valid; write a number from 1 to 1000000; mysql-nonsense is not a variable; DELETE FROM global_variables WHERE variable_name='mysql-nonsense'; mysql-threads is not valid; write a number from 1 to 255
    "#]]);
    admin.check(
        "SELECT variable_value FROM runtime_global_variables WHERE variable_name='mysql-threads'",
        expect![[r#"
        variable_value
        4
    "#]],
    );
    admin.check(
        "SET mysql-thraeds=1",
        expect![[r#"
        ERROR 1193 (HY000): Unknown system variable 'mysql-thraeds'
    "#]],
    );
    admin.check(
        "SELECT @@nothing",
        expect![[r#"
        ERROR 1193 (HY000): Unknown system variable 'nothing'
    "#]],
    );
    admin.check(
        "SHOW MYSQL VARIABLES LIKE '%threads'",
        expect![[r#"
        Variable_name | Value
        mysql-threads | many
    "#]],
    );
    admin.check(
        "SHOW GLOBAL VARIABLES LIKE 'read_only'",
        expect![[r#"
        Variable_name | Value
        read_only | OFF
    "#]],
    );
    admin.check(
        "SHOW VARIABLES WHERE Variable_name IN ('sql_mode','read_only')",
        expect![[r#"
        Variable_name | Value
        read_only | OFF
        sql_mode | 
    "#]],
    );
}

#[test]
fn no_password_is_shown_and_none_is_lost() {
    let mut admin = world();
    let mut seen = String::new();
    for question in [
        "SELECT * FROM mysql_users",
        "SELECT password||'' FROM runtime_mysql_users",
        "INSERT INTO mysql_users (username,password) VALUES ('bob','hidden-bob')",
        "SELECT * FROM mysql_users; SHOW MYSQL USERS",
        "SET mysql-monitor_password='hidden-monitor'; SHOW VARIABLES",
        "SELECT * FROM global_variables; SELECT @@mysql-monitor_password; SELECT @@admin-admin_credentials",
        "LOAD MYSQL USERS TO RUNTIME; LOAD MYSQL VARIABLES TO RUNTIME; LOAD ADMIN VARIABLES TO RUNTIME",
        "SELECT * FROM runtime_mysql_users; SELECT * FROM runtime_global_variables",
        "SAVE MYSQL USERS TO DISK; SELECT * FROM disk.mysql_users; SELECT * FROM disk.barque_secrets",
        "SELECT CONFIG",
        "INSERT INTO disk.mysql_users (username,password) VALUES ('eve','hidden-eve'); SELECT * FROM disk.mysql_users",
    ] {
        seen += &admin.ask(question);
    }
    assert!(!seen.contains("hidden"), "{seen}");
    let loaded = admin.loaded();
    for secret in ["hidden-file", "hidden-bob", "hidden-monitor", "proxysql-admin:hidden-root"] {
        assert!(loaded.contains(secret), "{secret} is lost: {loaded}");
    }
}

#[test]
fn secrets_outlive_the_process_on_disk() {
    let folder = std::env::temp_dir().join(format!("barque-admin-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut first = start(Some(folder.clone()), true, Role::Admin);
    first.ask("UPDATE mysql_users SET password='hidden-new'; SAVE MYSQL USERS TO DISK");
    drop(first);
    let mut second = start(Some(folder.clone()), true, Role::Admin);
    second.ask("LOAD MYSQL USERS TO RUNTIME");
    let loaded = second.loaded();
    let mode = std::fs::metadata(folder.join("proxysql.db")).expect("the file").permissions().mode();
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    assert!(loaded.contains("hidden-new"), "{loaded}");
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_file_is_the_truth_unless_compat() {
    let folder = std::env::temp_dir().join(format!("barque-truth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let change = "UPDATE mysql_servers SET weight=7; SAVE MYSQL SERVERS TO DISK";
    start(Some(folder.clone()), false, Role::Admin).ask(change);
    let weight = "SELECT DISTINCT weight FROM mysql_servers";
    let by_file = start(Some(folder.clone()), false, Role::Admin).ask(weight);
    let by_database = start(Some(folder.clone()), true, Role::Admin).ask(weight);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    expect!["weight\n1\n"].assert_eq(&by_file);
    expect!["weight\n7\n"].assert_eq(&by_database);
}

#[test]
fn another_programs_database_is_left_as_it_is() {
    let folder = std::env::temp_dir().join(format!("barque-other-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = "CREATE TABLE mysql_users (username VARCHAR, password VARCHAR); \
                 INSERT INTO mysql_users VALUES ('old','hidden-old')";
    let file = folder.join("proxysql.db");
    rusqlite::Connection::open(&file).and_then(|db| db.execute_batch(write)).expect("a database");
    let mut admin = start(Some(folder.clone()), false, Role::Admin);
    let read = admin.ask("SELECT * FROM disk.mysql_users");
    let changed = admin.ask("UPDATE mysql_users SET active=0; SELECT username, active FROM mysql_users");
    let saved = admin.ask("SAVE MYSQL USERS TO DISK");
    let query = "SELECT password FROM mysql_users";
    let kept = rusqlite::Connection::open(&file).and_then(|db| db.query_row(query, [], |row| row.get::<_, String>(0)));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    expect![[r#"
        ERROR 1227 (42000): disk.mysql_users was written by another program, passwords in clear, and is not shown; it is read by LOAD … FROM DISK and written anew by SAVE MYSQL USERS TO DISK, SAVE MYSQL VARIABLES TO DISK, SAVE ADMIN VARIABLES TO DISK
    "#]].assert_eq(&read);
    expect![[r#"
        OK 1 
        username | active
        nextcloud | 0
    "#]]
    .assert_eq(&changed);
    expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: table disk.mysql_users has 2 columns but 14 values were supplied
    "#]]
    .assert_eq(&saved);
    assert_eq!(kept.as_deref(), Ok("hidden-old"));
}

#[test]
fn statistics_are_read_cleared_and_never_written() {
    let mut admin = world();
    admin.check(
        "SELECT count_star FROM stats_mysql_query_digest_reset",
        expect![[r#"
        count_star
        6
    "#]],
    );
    admin.check(
        "SELECT count(*) FROM stats_mysql_query_digest",
        expect![[r#"
        count(*)
        0
    "#]],
    );
    admin.check(
        "TRUNCATE TABLE stats.stats_mysql_query_digest",
        expect![[r#"
        OK 0 
    "#]],
    );
    admin.check(
        "UPDATE stats_mysql_connection_pool SET Queries=0",
        expect![[r#"
        ERROR 1227 (42000): stats.stats_mysql_connection_pool is filled by the running proxy and cannot be written
    "#]],
    );
    admin.check(
        "DELETE FROM runtime_mysql_servers WHERE 1",
        expect![[r#"
        ERROR 1227 (42000): main.runtime_mysql_servers is filled by the running proxy and cannot be written
    "#]],
    );
}

#[test]
fn the_stats_user_reads_statistics_only() {
    let mut stats = start(None, false, Role::Stats);
    stats.check(
        "SELECT srv_host FROM stats_mysql_connection_pool; SHOW DATABASES",
        expect![[r#"
        srv_host
        t1
        seq | name | file
        3 | stats | 
        4 | monitor | 
    "#]],
    );
    stats.check(
        "SELECT * FROM mysql_users",
        expect![[r#"
        ERROR 1227 (42000): users of admin-stats_credentials read stats and monitor, not main.mysql_users
    "#]],
    );
    stats.check(
        "SELECT * FROM global_variables",
        expect![[r#"
        ERROR 1227 (42000): users of admin-stats_credentials read stats and monitor, not main.global_variables
    "#]],
    );
    stats.check(
        "SET mysql-threads=1",
        expect![[r#"
        ERROR 1227 (42000): users of admin-stats_credentials cannot write
    "#]],
    );
    stats.check(
        "PROXYSQL SHUTDOWN",
        expect![[r#"
        ERROR 1227 (42000): users of admin-stats_credentials only read; this needs an admin user
    "#]],
    );
    stats.check(
        "SHOW TABLES FROM main",
        expect![[r#"
        ERROR 1049 (42000): Unknown database 'main'; there are stats, monitor
    "#]],
    );
    stats.check(
        "SHOW CREATE TABLE main.mysql_users",
        expect![[r#"
        ERROR 1146 (42S02): Table 'main.mysql_users' doesn't exist; SHOW TABLES names those there are
    "#]],
    );
    stats.check(
        "SELECT CONFIG",
        expect![[r#"
        ERROR 1227 (42000): users of admin-stats_credentials only read; this needs an admin user
    "#]],
    );
    stats.check(
        "SHOW GLOBAL VARIABLES LIKE 'read_only'",
        expect![[r#"
        Variable_name | Value
        read_only | OFF
    "#]],
    );
    stats.check(
        "SELECT @@mysql-threads",
        expect![[r#"
        ERROR 1193 (HY000): Unknown system variable 'mysql-threads'
    "#]],
    );
    stats.check(
        "DELETE FROM stats_mysql_query_digest",
        expect![[r#"
        ERROR 1227 (42000): users of admin-stats_credentials only read; this needs an admin user
    "#]],
    );
}

#[test]
fn sqlite_is_not_the_persons() {
    let mut admin = world();
    admin.check("ATTACH '/tmp/x' AS x", expect![[r#"
        ERROR 1227 (42000): this interface reads and writes rows of its own tables; other statements of SQLite (ATTACH, PRAGMA, CREATE, DROP, ALTER, VACUUM) are refused
    "#]]);
    for refused in [
        "DETACH disk",
        "PRAGMA writable_schema=1",
        "SELECT * FROM pragma_table_info('mysql_users')",
        "VACUUM INTO '/tmp/x'",
        "VACUUM",
        "CREATE TABLE t (a)",
        "DROP TABLE mysql_users",
        "CREATE TEMP VIEW v AS SELECT 1",
        "ALTER TABLE mysql_users RENAME TO u",
        "SELECT load_extension('x')",
        "DELETE FROM sqlite_schema",
        "SELECT clear FROM disk.barque_secrets",
        "UPDATE disk.barque_secrets SET clear=''",
    ] {
        assert!(admin.ask(refused).starts_with("ERROR"), "{refused}");
    }
    admin.check(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT sum(i) FROM n",
        expect![[r#"
        ERROR 1317 (70100): the statement was ended after 5 seconds
    "#]],
    );
    admin.check(
        "PROXYSQL READONLY; DELETE FROM mysql_users",
        expect![[r#"
        ERROR 1227 (42000): the admin interface is read-only; PROXYSQL READWRITE ends that
    "#]],
    );
}

#[test]
fn clients_of_mysql_get_along() {
    let mut admin = world();
    admin.check(
        "select @@version_comment limit 1",
        expect![[r#"
        @@version_comment
        Barque Admin Module
    "#]],
    );
    admin.check(
        "SELECT DATABASE(), USER(), CONNECTION_ID()",
        expect![[r#"
        DATABASE() | USER() | CONNECTION_ID()
        main | someone@% | 12
    "#]],
    );
    admin.check(
        "/*!40101 SET NAMES utf8 */;SET autocommit=0;SET NAMES utf8mb4;BEGIN;COMMIT;LOCK TABLES a READ",
        expect![[r#"
        OK 0 
        OK 0 
        OK 0 
        OK 0 
        OK 0 
        OK 0 
    "#]],
    );
    admin.check(
        "USE disk; SELECT DATABASE()",
        expect![[r#"
        OK 0 
        DATABASE()
        disk
    "#]],
    );
    admin.check(
        "USE nothing",
        expect![[r#"
        ERROR 1049 (42000): Unknown database 'nothing'; there are main, disk, stats and monitor
    "#]],
    );
    admin.check(
        "SHOW FIELDS FROM `mysql_replication_hostgroups`",
        expect![[r#"
        Field | Type | Null | Key | Default | Extra
        writer_hostgroup | integer | NO | PRI | NULL | 
        reader_hostgroup | integer | NO |  | NULL | 
        check_type | varchar | NO |  | read_only | 
        comment | varchar | NO |  |  | 
    "#]],
    );
    admin.check("SHOW CREATE TABLE mysql_replication_hostgroups", expect![[r#"
        table | Create Table
        mysql_replication_hostgroups | CREATE TABLE mysql_replication_hostgroups (
            writer_hostgroup INTEGER CHECK (writer_hostgroup>=0) NOT NULL,
            reader_hostgroup INTEGER CHECK (reader_hostgroup<>writer_hostgroup AND reader_hostgroup>=0) NOT NULL,
            check_type VARCHAR CHECK (LOWER(check_type) IN ('read_only','innodb_read_only','super_read_only','read_only|innodb_read_only','read_only&innodb_read_only')) NOT NULL DEFAULT 'read_only',
            comment VARCHAR NOT NULL DEFAULT '',
            PRIMARY KEY (writer_hostgroup),
            UNIQUE (reader_hostgroup)
        )
    "#]]);
    admin.check(
        "SELECT /*!40001 SQL_NO_CACHE */ `rule_id` FROM `mysql_query_rules`",
        expect![[r#"
            rule_id
            100
            200
            300
        "#]],
    );
    admin.check(
        "SHOW TRIGGERS LIKE 'x'; SHOW WARNINGS",
        expect![[r#"
        Trigger | Event | Table | Statement | Timing | Created | sql_mode | Definer
        Level | Code | Message
    "#]],
    );
    admin.check(
        "SHOW NOTHING",
        expect![[r#"
        ERROR 1045 (28000): ProxySQL Admin Error: SHOW NOTHING is not known
    "#]],
    );
    admin.check(
        "SHOW PROMETHEUS METRICS; PROXYSQL PAUSE; KILL CONNECTION 7",
        expect![[r#"
        Data
        proxysql_uptime_seconds_total 1
        OK 0 Pause is done
        OK 0 KillConnection(7) is done
    "#]],
    );
    admin.check(
        "SHOW PROCESSLIST",
        expect![[r#"
        SessionID | user | db | hostgroup | command | time_ms | info
        1 | t2 | t3 | 6 | t11 | 12 | t13
    "#]],
    );
}

#[test]
fn the_catalogue_names_tables() {
    let mut admin = world();
    admin.check("SELECT table_schema FROM information_schema.tables WHERE table_name='mysql_users'", expect![[r#"
        TABLE_SCHEMA
        main
        disk
    "#]]);
    admin.check("SELECT column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema='disk' AND table_name='proxysql_servers'", expect![[r#"
        COLUMN_NAME
        hostname
        port
        weight
        comment
    "#]]);
    assert!(admin.ask("DELETE FROM information_schema.tables").starts_with("ERROR"));
}

#[test]
fn a_statement_is_bounded() {
    let mut admin = world();
    let answer = admin.ask(&format!("SELECT '{}'", "x".repeat(2 << 20)));
    expect!["ERROR 1153 (08S01): a statement has at most 1048576 bytes\n"].assert_eq(&answer);
    assert!(admin.ask("SELECT zeroblob(1000000000)").starts_with("ERROR"));
}

proptest::proptest! {
    #[test]
    fn no_text_is_a_panic(text in "(SHOW|SET|LOAD|SELECT|KILL|USE|DESC|DELETE FROM|TRUNCATE|CHECKSUM|SAVE)? ?[ -~é';`@.]{0,60}") {
        let mut admin = world();
        admin.ask(&text);
    }
}
