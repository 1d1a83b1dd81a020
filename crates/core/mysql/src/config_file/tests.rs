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
            t:1:92: error: retries is 1001; write 0 to 1000
            1 rows"#]],
    );
    check(
        "mysql_servers=({hostgroup=1 address=\"a\" status=\"UP\"})",
        expect![[r#"
            t:1:41: error: status is "UP"; write ONLINE, SHUNNED, OFFLINE_SOFT, OFFLINE_HARD
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
            t:1:27: error: mysql-max_connections is many; write a number from 1 to 1000000
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

#[test]
fn twice() {
    check(
        "mysql_variables={threads=1 mysql-threads=2}\nmysql_variables={threads=3}\nrestapi=()\nrestapi_routes=()",
        expect![[r#"
            t:1:28: error: mysql-threads is set twice, first at t:1:18; keep one
            t:2:1: error: mysql_variables is there twice, first at t:1:1; make one of them
            t:4:1: error: restapi_routes is there twice, first at t:3:1; make one of them
            0 rows"#]],
    );
    check(
        "mysql_users=({username=\"a\"},{username=\"a\" backend=0})\nmysql_servers=({hostgroup=0 address=\"h\"},{address=\"h\"})",
        expect![[r#"
            t:1:29: error: the same username, frontend as the row at t:1:14; change or remove one
            t:2:42: error: the same hostgroup_id, hostname, port as the row at t:2:16; change or remove one
            2 rows"#]],
    );
    check(
        "mysql_replication_hostgroups=({writer_hostgroup=1 reader_hostgroup=2},{writer_hostgroup=3 reader_hostgroup=2})",
        expect![[r#"
            t:1:71: error: the same reader_hostgroup as the row at t:1:31; change or remove one
            1 rows"#]],
    );
}

#[test]
fn columns_that_do_not_agree() {
    check(
        "mysql_replication_hostgroups=({writer_hostgroup=1 reader_hostgroup=1},{writer_hostgroup=3 reader_hostgroup=-2},\
         {writer_hostgroup=5 reader_hostgroup=6 check_type=\"readonly\"},\
         {writer_hostgroup=7 reader_hostgroup=8 check_type=\"SUPER_READ_ONLY&read_only\"})",
        expect![[r#"
            t:1:31: error: reader_hostgroup and writer_hostgroup are both 1; they have to differ
            t:1:71: error: reader_hostgroup is less than 0; write 0 or more
            t:1:151: error: check_type is "readonly"; write read_only, innodb_read_only, super_read_only, or two of them joined by | or &
            1 rows"#]],
    );
    check(
        "mysql_query_rules=({rule_id=1 replace_pattern=\"a\"},{rule_id=2 attributes=\"{\"},{rule_id=3 match_pattern=\"(\"})",
        expect![[r#"
            t:1:20: error: replace_pattern has no match_pattern that it could replace; write one
            t:1:52: error: attributes is no JSON (EOF while parsing an object at line 1 column 1); write JSON or leave it out
            t:1:79: error: query rule 3: match_pattern "(" is not a regular expression: unclosed group; write \ before a character that is meant as it stands
            1 rows"#]],
    );
}

#[test]
fn users_of_two_rows() {
    check(
        "mysql_users=({username=\"a\" password=\"x\" backend=0},{username=\"a\" password=\"y\" frontend=0},\
         {username=\"b\" backend=0},{username=\"c\" frontend=0},{username=\"d\" frontend=0 backend=0})",
        expect![[r#"
            t:1:91: warning: no row of this user has backend=1: servers are given the password that the client gave
            t:1:116: warning: no row of this user has frontend=1: nobody can log in by this one; leave frontend out
            t:1:142: warning: frontend and backend are both 0: nobody uses this row; leave them out
            5 rows"#]],
    );
}

#[test]
fn hostgroups_without_servers() {
    check(
        "mysql_servers=({hostgroup=1 address=\"h\"})\nmysql_replication_hostgroups=({writer_hostgroup=1 reader_hostgroup=2})\n\
         mysql_users=({username=\"a\"},{username=\"b\" default_hostgroup=2})\n\
         mysql_query_rules=({rule_id=1 destination_hostgroup=30},{rule_id=2 destination_hostgroup=2 mirror_hostgroup=4})",
        expect![[r#"
            t:3:14: warning: default_hostgroup is 0, where no server is; add one to mysql_servers
            t:4:20: warning: destination_hostgroup is 30, where no server is; add one to mysql_servers
            t:4:57: warning: mirror_hostgroup is 4, where no server is; add one to mysql_servers
            6 rows"#]],
    );
}

#[test]
fn other_kinds_of_values() {
    check(
        "mysql_variables={have_ssl=1 threads=true max_connections=\"12\" have_compress=2 init_connect=5 monitor_password=17}\n\
         admin_variables={admin_credentials=1 restapi_port=0}\nmysql_users=({username=\"a\" password=17 active=true})",
        expect![[r#"
            t:1:18: note: mysql-have_ssl is an integer; taken as true
            t:1:29: note: mysql-threads is a boolean; taken as 1
            t:1:42: note: mysql-max_connections is a string; taken as 12
            t:1:63: error: mysql-have_compress is 2; write true or false
            t:1:79: note: mysql-init_connect is an integer; taken as 5
            t:1:94: note: mysql-monitor_password is an integer; taken as text
            t:2:18: note: admin-admin_credentials is an integer; taken as text
            t:2:38: error: admin-restapi_port is 0; write a number from 1 to 65535
            t:3:28: note: password is an integer; taken as its digits
            t:3:40: note: active is a boolean; taken as 1
            1 rows"#]],
    );
}

#[test]
fn sections_of_others_and_single_settings() {
    check(
        "pgsql_servers=()\nuuid=\"x\"\nerrorlog=[1]\nrestart_on_missing_heartbeats=5\nexecute_on_exit_failure=\"x\"\ndatadr=\"y\"\n",
        expect![[r#"
            t:1:1: warning: pgsql_servers is left out: of ProxySQL 3.0: PostgreSQL is not spoken
            t:2:1: note: uuid has no effect: proxies do not copy each other's configuration: give each the same file
            t:3:1: error: errorlog is an array [ ]; write one value
            t:4:1: note: restart_on_missing_heartbeats has no effect: systemd or Kubernetes starts the process again when it ends
            t:5:1: note: execute_on_exit_failure has no effect: systemd or Kubernetes starts the process again when it ends
            t:6:1: warning: unknown section datadr (did you mean datadir?); it is left out
            0 rows"#]],
    );
}

#[test]
fn few_lines() {
    let file = "mysql_variables={sessions_sort=true poll_timeout=10 poll_timeout_on_failure=10 thread=1 threads=true max_connections=0}";
    let lines = super::report(&parse("t", file, &|_| Err("none".to_owned())).problems);
    let shown = lines.iter().fold(String::new(), |mut text, (level, line)| {
        _ = writeln!(text, "{level:?} {line}");
        text
    });
    expect![[r#"
        Error t:1:102: error: mysql-max_connections is 0; write a number from 1 to 1000000
        Warning t:1:80: warning: unknown variable mysql-thread (did you mean mysql-threads?); it is left out
        Note t:1:89: note: mysql-threads is a boolean; taken as 1
        Note no effect: mysql-poll_timeout (t:1:37), mysql-poll_timeout_on_failure (t:1:53): nothing is polled
        Note no effect: mysql-sessions_sort (t:1:18): sessions are served as they come
    "#]]
    .assert_eq(&shown);
}
