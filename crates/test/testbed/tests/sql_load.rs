//! Clients under load while servers and the proxy itself are killed and the configuration is loaded anew: no acknowledged row is
//! lost, none is there twice, and no answer is another client's.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use testbed::mariadb::APP;
use testbed::sql_client::Answer;
use testbed::{Folder, MariaDb, SqlClient, SqlProxy, wait_for};

/// More than the connections a server may have in his file's share of one worker.
const CLIENTS: u64 = 64;

/// Rounds of statements between two disturbances, at least, of all clients together.
const CALM: u64 = 2_000;

#[derive(Default)]
struct Load {
    stop: AtomicBool,
    /// Statements that were answered.
    answered: AtomicU64,
    /// Log-ins, first ones and later ones.
    connected: AtomicU64,
}

#[test]
fn nothing_is_lost_doubled_or_mixed_up() {
    let folder = Folder::new("sql-load");
    let writer = MariaDb::primary(folder.path());
    let mut reader = MariaDb::replica_of(&writer);
    writer.sql("CREATE TABLE test.tagged (tag VARCHAR(40) PRIMARY KEY, client INT, KEY (client))");
    reader.wait_caught_up(&writer);
    let mut proxy = SqlProxy::start(folder.path(), &writer, &reader);
    let load = Arc::new(Load::default());
    let clients: Vec<JoinHandle<Vec<String>>> = (0..CLIENTS)
        .map(|number| {
            let (load, port) = (load.clone(), proxy.port);
            std::thread::spawn(move || client(number, port, &load))
        })
        .collect();
    calm(&load);
    reader.kill();
    calm(&load);
    reader.start();
    calm(&load);
    for _ in 0..20 {
        proxy.admin("UPDATE mysql_servers SET max_connections=80; LOAD MYSQL SERVERS TO RUNTIME");
        proxy.admin("UPDATE mysql_servers SET max_connections=100; LOAD MYSQL SERVERS TO RUNTIME");
        proxy.admin("LOAD MYSQL QUERY RULES TO RUNTIME; LOAD MYSQL USERS TO RUNTIME; LOAD MYSQL VARIABLES TO RUNTIME");
    }
    calm(&load);
    proxy.kill();
    proxy.serve();
    calm(&load);
    load.stop.store(true, Relaxed);
    let mut acknowledged = HashSet::new();
    for client in clients {
        for tag in client.join().expect("no client saw another's answer") {
            assert!(acknowledged.insert(tag.clone()), "{tag} was acknowledged twice");
        }
    }
    let rows: HashSet<String> = writer.sql("SELECT tag FROM test.tagged").into_iter().flatten().collect();
    let lost: Vec<&String> = acknowledged.difference(&rows).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged rows are lost: {lost:?}", lost.len(), acknowledged.len());
    println!(
        "{} rows acknowledged, {} there, {} statements, {} log-ins",
        acknowledged.len(),
        rows.len(),
        load.answered.load(Relaxed),
        load.connected.load(Relaxed)
    );
    reader.wait_caught_up(&writer);
}

/// Until the clients have got on.
#[track_caller]
fn calm(load: &Load) {
    let goal = load.answered.load(Relaxed) + CALM;
    wait_for("the clients to get on", Duration::from_secs(60), || {
        let now = load.answered.load(Relaxed);
        if now >= goal { Ok(()) } else { Err(format!("{now} of {goal} statements")) }
    });
}

/// Writes rows with tags and reads them back, and returns the tags whose write was acknowledged.
fn client(number: u64, port: u16, load: &Load) -> Vec<String> {
    let mut tags = Vec::new();
    let mut turn = 0;
    while !load.stop.load(Relaxed) {
        let Ok(mut session) = SqlClient::connect(port, APP, "test", number.is_multiple_of(2)) else {
            // The proxy is being started.
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        load.connected.fetch_add(1, Relaxed);
        while !load.stop.load(Relaxed) {
            turn += 1;
            let tag = format!("c{number}-{turn}");
            if converse(&mut session, number, &tag, &mut tags).is_none() {
                break;
            }
            load.answered.fetch_add(4, Relaxed);
        }
    }
    tags
}

/// A write, a transaction and two reads; `None`: the connection is lost, or a server said so.
fn converse(session: &mut SqlClient, number: u64, tag: &str, tags: &mut Vec<String>) -> Option<()> {
    let echo = format!("SELECT '{tag}' AS echo, @@server_id");
    mine(tag, &session.query(&echo).ok()?)?;
    let insert = format!("INSERT INTO tagged VALUES ('{tag}', {number})");
    done(&session.query(&insert).ok()?)?;
    tags.push(tag.to_owned());
    mine(tag, &session.query(&format!("SELECT tag FROM tagged WHERE tag = '{tag}'")).ok()?)?;
    for statement in ["BEGIN", &format!("INSERT INTO tagged VALUES ('{tag}-t', {number})"), "COMMIT"] {
        done(&session.query(statement).ok()?)?;
    }
    tags.push(format!("{tag}-t"));
    Some(())
}

fn done(answers: &[Answer]) -> Option<()> {
    match answers {
        [Answer::Ok { .. }] => Some(()),
        [Answer::Error { .. }] => None,
        other => panic!("an answer to another statement: {other:?}"),
    }
}

fn mine(tag: &str, answers: &[Answer]) -> Option<()> {
    match answers {
        [Answer::Rows { rows, .. }] => {
            let row = rows.first().unwrap_or_else(|| panic!("{tag} is not there"));
            let text = String::from_utf8_lossy(&row[1..]);
            assert!(text.starts_with(tag), "{tag} was asked for, and {text} came");
            Some(())
        }
        [Answer::Error { .. }] => None,
        other => panic!("an answer to another statement: {other:?}"),
    }
}
