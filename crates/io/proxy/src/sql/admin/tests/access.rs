//! What a person may not do, and what bounds him.

use super::super::Role;
use super::world::{start, world};
use expect_test::expect;

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
