//! Edits, and where LOAD and SAVE take them.

use super::super::Role;
use super::world::{start, world};
use expect_test::expect;

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
        ERROR 1045 (28000): ProxySQL Admin Error: mysql-max_connections is -1; write a number from 1 to 1000000; mysql-nonsense is not a variable; DELETE FROM global_variables WHERE variable_name='mysql-nonsense'; mysql-threads is many; write a number from 1 to 255
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
fn what_is_printed_as_a_file_can_be_read_as_one() {
    let printed = world().ask("SELECT CONFIG");
    let text = printed.strip_prefix("Data\n").expect("one column");
    let parsed = mysql::config_file::parse("printed.cnf", text, &|path| Err(format!("{path} is not here")));
    let errors: Vec<String> = crate::sql::admin::rows_of(&parsed).err().unwrap_or_default();
    assert_eq!(errors, Vec::<String>::new(), "{text}");
    assert_eq!(parsed.rows.len(), 7, "{text}");
}

#[test]
fn accounts_of_the_server() {
    let mut admin = world();
    admin.check(
        "LOAD MYSQL USERS FROM BACKEND",
        expect![[r#"
        username | host | taken | why_not
        matomo | % | yes | NULL
        ed | % | no | logs in by ed25519, which needs the password in clear: INSERT it into mysql_users by hand
    "#]],
    );
    admin.check(
        "SELECT username, default_hostgroup, frontend, backend, comment FROM mysql_users",
        expect![[r#"
        username | default_hostgroup | frontend | backend | comment
        nextcloud | 10 | 1 | 1 | 
        matomo | 10 | 1 | 1 | taken over from the server
    "#]],
    );
}
