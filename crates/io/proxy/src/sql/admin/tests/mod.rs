//! The engine as a client meets it: a text in, a printed answer out. The running proxy is a store of rows.

mod access;
mod clients;
mod layers;
mod secrets;
mod world;

use expect_test::expect;
use world::world;

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
            check_type VARCHAR CHECK (LOWER(check_type) IN ('read_only','innodb_read_only','super_read_only','read_only|innodb_read_only','read_only&innodb_read_only','innodb_read_only|read_only','innodb_read_only&read_only','read_only|super_read_only','read_only&super_read_only','super_read_only|read_only','super_read_only&read_only','innodb_read_only|super_read_only','innodb_read_only&super_read_only','super_read_only|innodb_read_only','super_read_only&innodb_read_only')) NOT NULL DEFAULT 'read_only',
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
    admin.check(
        "SELECT table_schema FROM information_schema.tables WHERE table_name='mysql_users'",
        expect![[r#"
        TABLE_SCHEMA
        main
        disk
    "#]],
    );
    admin.check("SELECT column_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema='disk' AND table_name='proxysql_servers'", expect![[r#"
        COLUMN_NAME
        hostname
        port
        weight
        comment
    "#]]);
    assert!(admin.ask("DELETE FROM information_schema.tables").starts_with("ERROR"));
}
