//! The engine behind its protocol, asked by the clients that people have: mariadb, mariadb-dump, PyMySQL.

use super::super::wire::{AdminGate, serve};
use super::super::{Role, Shared};
use super::world::start;
use crate::sql::client::handshake::Peer;
use crate::sql::stream::Stream;
use expect_test::{Expect, expect};
use std::process::Command;
use std::sync::Arc;
use tokio::net::TcpListener;

const LOGIN: &[&str] = &["-h127.0.0.1", "-uboss", "-pboss-pass", "--skip-ssl"];

#[test]
fn the_mariadb_client_prints_tables() {
    check(
        "mariadb",
        &["-t", "-e", "SELECT hostgroup_id, hostname, port, status FROM runtime_mysql_servers"],
        expect![[r#"
            +--------------+--------------+------+--------+
            | hostgroup_id | hostname     | port | status |
            +--------------+--------------+------+--------+
            | 10           | 192.168.0.17 | 3306 | ONLINE |
            | 20           | 192.168.0.77 | 3306 | ONLINE |
            +--------------+--------------+------+--------+
        "#]],
    );
    check(
        "mariadb",
        &["-e", "SET mysql-threads=7; LOAD MYSQL VARIABLES TO RUNTIME; SELECT @@mysql-threads"],
        expect![[r#"
            @@mysql-threads
            7
        "#]],
    );
    check(
        "mariadb",
        &["disk", "-e", "SELECT DATABASE(); SHOW TABLES LIKE 'mysql\\_users'"],
        expect![[r#"
            DATABASE()
            disk
            tables
            mysql_users
        "#]],
    );
    check(
        "mariadb",
        &["-e", "UPDATE mysql_servers SET status='UP'"],
        expect![[r#"
        --------------
        UPDATE mysql_servers SET status='UP'
        --------------

        ERROR 1045 (28000) at line 1: ProxySQL Admin Error: CHECK constraint failed: UPPER(status) IN ('ONLINE','SHUNNED','OFFLINE_SOFT','OFFLINE_HARD')
    "#]],
    );
}

#[test]
fn a_dump_has_the_rows() {
    let dump = ask(
        "mariadb-dump",
        &["--no-create-info", "--skip-comments", "--compact", "main", "mysql_replication_hostgroups"],
    );
    assert!(dump.contains("INSERT INTO `mysql_replication_hostgroups` VALUES"), "{dump}");
}

#[test]
fn pymysql_reads_and_writes() {
    let program = r"
import pymysql, sys
db = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1][2:]), user='boss', password='boss-pass', db='main')
cursor = db.cursor()
print(cursor.execute('UPDATE mysql_servers SET weight=%s WHERE hostgroup_id=%s', (3, 20)))
db.commit()
cursor.execute('SELECT hostname, weight FROM mysql_servers')
print(cursor.fetchall())
";
    let port = listen();
    // Debian's own: one of another origin has not its packages.
    let output =
        Command::new("/usr/bin/python3").args(["-c", program, &format!("-P{port}")]).output().expect("python3 runs");
    expect![[r#"
        1
        (('192.168.0.17', '1'), ('192.168.0.77', '3'))
    "#]]
    .assert_eq(&said(&output));
}

#[track_caller]
fn check(program: &str, arguments: &[&str], expected: Expect) {
    expected.assert_eq(&ask(program, arguments));
}

fn ask(program: &str, arguments: &[&str]) -> String {
    let port = format!("-P{}", listen());
    let output = Command::new(program).arg("--no-defaults").arg(port).args(LOGIN).args(arguments).output();
    said(&output.expect("the client runs"))
}

fn said(output: &std::process::Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

/// An admin interface of its own on a free port, until the tests end.
fn listen() -> u16 {
    let (tell, port) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let engine = Shared::new(start(None, false, Role::Admin).admin, []);
            let gate =
                Arc::new(AdminGate { tls: None, credentials: vec![("boss".to_owned(), "boss-pass".to_owned())] });
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address").port()).expect("the test listens");
            while let Ok((stream, peer)) = listener.accept().await {
                serve(engine.clone(), &gate, Stream::Tcp(stream), 1, Peer::Ip(peer.ip(), peer.port())).await;
            }
        });
    });
    port.recv().expect("a port")
}
