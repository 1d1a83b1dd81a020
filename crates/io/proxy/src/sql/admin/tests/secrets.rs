//! Passwords: never shown, never lost.

use super::super::Role;
use super::world::{start, world};
use expect_test::expect;
use std::os::unix::fs::PermissionsExt;

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
