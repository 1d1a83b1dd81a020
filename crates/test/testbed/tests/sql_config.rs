//! What a `proxysql.cnf` says is taken or said: users of the server, users of two rows, check types, logs, `--check`.

use std::process::Command;
use std::time::Duration;
use testbed::mariadb::{APP, MONITOR};
use testbed::{Folder, MariaDb, SqlProxy, barque, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn users_of_the_server_are_taken_over() {
    let folder = Folder::new("sql-users");
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    writer.sql(
        "CREATE USER shop@'%' IDENTIFIED BY 'shoppwd'; GRANT ALL ON test.* TO shop@'%'; CREATE USER free@'%'; \
         CREATE USER sock@localhost IDENTIFIED VIA unix_socket; CREATE USER shut@'%' IDENTIFIED BY 'x' ACCOUNT LOCK; \
         CREATE ROLE clerks",
    );
    let proxy = SqlProxy::start(folder.path(), &writer, &reader);

    let refused = proxy.try_admin("LOAD MYSQL USERS FROM BACKEND").expect_err("a right is missing");
    assert!(refused.contains("GRANT SELECT ON mysql.*"), "{refused}");
    writer.sql(&format!("GRANT SELECT ON mysql.* TO {}@'%'", MONITOR.0));
    let verdicts = proxy.admin("LOAD MYSQL USERS FROM BACKEND");
    let of = |user: &str| verdicts.iter().find(|row| row[0] == user).map(|row| row[2..].join(" ")).unwrap_or_default();
    assert_eq!(of("shop"), "yes NULL");
    for (user, why) in [
        ("free", "no password"),
        ("sock", "unix_socket"),
        ("shut", "locked"),
        ("clerks", "role"),
        ("root", "server's own"),
        (APP.0, "already"),
    ] {
        assert!(of(user).starts_with("no ") && of(user).contains(why), "{user}: {}", of(user));
    }
    assert!(proxy.ask(("shop", "shoppwd"), "test", "SELECT 1").is_err(), "not loaded yet");
    proxy.admin("LOAD MYSQL USERS TO RUNTIME");
    assert_eq!(proxy.ask(("shop", "shoppwd"), "test", "SELECT CURRENT_USER()"), Ok(vec![vec!["shop@%".to_owned()]]));
    assert!(proxy.ask(("shop", "wrong"), "test", "SELECT 1").is_err());
}

#[test]
fn a_file_of_many_words() {
    let folder = Folder::new("sql-config");
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    let (log, pid) = (folder.path().join("proxy.log"), folder.path().join("proxy.pid"));
    let mut proxy = SqlProxy::prepare(folder.path(), &writer, &reader, |text| {
        let user = format!(
            "{{ username=\"{0}\" password=\"front\" default_hostgroup=10 backend=0 }},\
             {{ username=\"{0}\" password=\"{1}\" default_hostgroup=10 frontend=0 }},\n\t{{ username = \"other\"",
            APP.0, APP.1
        );
        let text = text
            .replace(&format!("{{ username = \"{}\"", APP.0), &user)
            .replace("reader_hostgroup=20,", "reader_hostgroup=20, check_type=\"super_read_only|innodb_read_only\",");
        format!("errorlog=\"{}\"\npidfile=\"{}\"\n{text}", log.display(), pid.display())
    });
    proxy.serve();

    let server = |sql: &str| proxy.ask((APP.0, "front"), "test", sql).map(|rows| rows[0][0].clone());
    wait_for("the check type is asked", PATIENCE, || {
        let (writes, reads) = (server("SELECT @@server_id FOR UPDATE"), server("SELECT @@server_id"));
        let right = writes == Ok(writer.server_id().to_string()) && reads == Ok(reader.server_id().to_string());
        if right { Ok(()) } else { Err(format!("{writes:?} {reads:?}")) }
    });
    assert!(proxy.ask(APP, "test", "SELECT 1").is_err(), "the servers' password is not the clients'");

    let written = std::fs::read_to_string(&log).expect("the log");
    assert!(written.contains("serves MySQL on"), "{written}");
    let id = std::fs::read_to_string(&pid).expect("the process id");
    assert!(id.trim().parse::<u32>().is_ok(), "{id}");
    std::fs::rename(&log, folder.path().join("old.log")).expect("rotated");
    proxy.admin("PROXYSQL FLUSH LOGS");
    assert!(log.exists());
}

#[test]
fn check_says_all_and_only_what_is_wrong() {
    let folder = Folder::new("sql-check");
    let file = folder.path().join("proxysql.cnf");
    let check = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        let output = Command::new(barque()).args(["sql", "--check", "-f"]).arg(&file).output().expect("barque");
        let said = String::from_utf8_lossy(&output.stdout).replace(&file.display().to_string(), "f");
        (output.status.code(), said)
    };
    let his = testbed::example_text("seed/proxysql.cnf");
    let (code, said) = check(&his);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("f: good, 0 warnings\n") && !said.contains("error:"), "{said}");
    let (code, said) = check(
        "mysql_variables={thread=1 threads=2}\nmysql_variables={}\nmysql_query_rules=({rule_id=1 match_pattern=\"(\"})",
    );
    assert_eq!(code, Some(1), "{said}");
    for line in
        ["f:2:1: error: mysql_variables is there twice", "f:3:20: error: query rule 1", "did you mean mysql-threads?"]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
}
