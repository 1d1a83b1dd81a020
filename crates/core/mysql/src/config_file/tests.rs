//! A whole file, and what is said of mistakes.

use super::parse;
use crate::tables::Value;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

#[test]
fn a_whole_file() {
    let parsed = parse("proxysql.cnf", include_str!("../../testdata/proxysql.cnf"), &|_| Err("none".to_owned()));
    assert!(parsed.is_usable(), "{:?}", parsed.problems);
    let mut shown = String::new();
    for (name, value, place) in &parsed.variables {
        _ = writeln!(shown, "{place} {name}={value}");
    }
    for (table, row, place) in &parsed.rows {
        let cells = row.iter().map(|value| match value {
            Value::Null => "-".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => format!("{text:?}"),
        });
        _ = writeln!(shown, "{place} {table} {}", cells.collect::<Vec<_>>().join(" "));
    }
    expect![[r#"
        proxysql.cnf:4:9 admin-admin_credentials=proxysql-admin:adminpwd
        proxysql.cnf:5:9 admin-mysql_ifaces=0.0.0.0:6032
        proxysql.cnf:6:9 admin-refresh_interval=2000
        proxysql.cnf:10:9 mysql-threads=4
        proxysql.cnf:11:9 mysql-max_connections=2048
        proxysql.cnf:12:9 mysql-default_query_delay=0
        proxysql.cnf:13:9 mysql-default_query_timeout=36000000
        proxysql.cnf:14:9 mysql-have_compress=true
        proxysql.cnf:15:9 mysql-poll_timeout=2000
        proxysql.cnf:16:9 mysql-interfaces=0.0.0.0:6033;/tmp/proxysql.sock
        proxysql.cnf:17:9 mysql-default_schema=information_schema
        proxysql.cnf:18:9 mysql-stacksize=1048576
        proxysql.cnf:19:9 mysql-server_version=5.1.30
        proxysql.cnf:20:9 mysql-connect_timeout_server=10000
        proxysql.cnf:21:9 mysql-monitor_history=60000
        proxysql.cnf:22:9 mysql-monitor_connect_interval=200000
        proxysql.cnf:23:9 mysql-monitor_ping_interval=200000
        proxysql.cnf:24:9 mysql-ping_interval_server_msec=10000
        proxysql.cnf:25:9 mysql-ping_timeout_server=200
        proxysql.cnf:26:9 mysql-commands_stats=true
        proxysql.cnf:27:9 mysql-sessions_sort=true
        proxysql.cnf:28:9 mysql-monitor_username=proxysql
        proxysql.cnf:29:9 mysql-monitor_password=proxysqlpwd
        proxysql.cnf:33:9 mysql_replication_hostgroups 10 20 "read_only" "MariaDB Replication"
        proxysql.cnf:37:9 mysql_servers 10 "192.168.0.17" 3306 0 "ONLINE" 1 0 100 5 0 0 ""
        proxysql.cnf:38:9 mysql_servers 20 "192.168.0.77" 3306 0 "ONLINE" 1 0 100 5 0 0 ""
        proxysql.cnf:42:9 mysql_users "nextcloud" "nextcloudpwd" 1 0 10 - 0 1 0 1 1 10000 "" ""
        proxysql.cnf:46:9 mysql_query_rules 100 1 - - 0 - - - - - "^SELECT .* FOR UPDATE" 0 "CASELESS" - - 10 - - - - - - - - - - - - - - - - 1 "" -
        proxysql.cnf:53:9 mysql_query_rules 200 1 - - 0 - - - - - "^SELECT .*" 0 "CASELESS" - - 20 - - - - - - - - - - - - - - - - 1 "" -
        proxysql.cnf:60:9 mysql_query_rules 300 1 - - 0 - - - - - ".*" 0 "CASELESS" - - 10 - - - - - - - - - - - - - - - - 1 "" -
    "#]].assert_eq(&shown);
}

#[test]
fn mistakes() {
    check(
        "mysql_query_rules=({rule_id=1 apply=true},{rule_id=1},{rule_id=2 retires=1 cache_ttl=\"500\" retries=1001})",
        expect![[r#"
            t:1:31: note: apply is a boolean; taken as 1
            t:1:43: error: the same rule_id as the row at t:1:20; change or remove one
            t:1:66: warning: mysql_query_rules has no retires (did you mean retries?); it is left out
            t:1:76: note: cache_ttl is a string; taken as 500
            t:1:92: error: retries is out of its range: retries BETWEEN 0 AND 1000
            1 rows"#]],
    );
    check(
        "mysql_servers=({hostgroup=1 address=\"a\" status=\"UP\"})",
        expect![[r#"
        t:1:41: error: status is out of its range: UPPER(status) IN ('ONLINE','SHUNNED','OFFLINE_SOFT','OFFLINE_HARD')
        0 rows"#]],
    );
    check(
        "mysql_user=()",
        expect![[r#"
        t:1:1: warning: unknown section mysql_user (did you mean mysql_users?); it is left out
        0 rows"#]],
    );
    check(
        "mysql_replication_hostgroups=({writer_hostgroup=1 reader_hostgroup=2 check_type=\"read_only|innodb_read_only\"})",
        expect!["1 rows"],
    );
    check(
        "mysql_users=({password=\"x\"})\nmysql_variables=5",
        expect![[r#"
        t:1:14: error: username is missing in this row of mysql_users; set it
        t:2:17: error: mysql_variables is an integer; write a group { }
        0 rows"#]],
    );
}

#[test]
fn variables() {
    check(
        "mysql_variables={thread=4 max_connections=\"many\" threads=2}",
        expect![[r#"
            t:1:18: warning: unknown variable mysql-thread (did you mean mysql-threads?); it is left out
            t:1:27: error: mysql-max_connections is not valid; write a number from 1 to 1000000
            0 rows"#]],
    );
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    let parsed = parse("t", text, &|_| Err("none".to_owned()));
    let problems = parsed.problems.iter().fold(String::new(), |mut text, problem| {
        _ = writeln!(text, "{problem}");
        text
    });
    expected.assert_eq(&format!("{problems}{} rows", parsed.rows.len()));
}
