//! Random sessions, each run on a server itself and through the proxy on a writer and a replica: every answer is the same.
//!
//! `SQL_SESSIONS` (2,000; 10,000 in the long test) and `SQL_SEED` (random, printed) say how many and which.

mod plan;

use plan::Step;
use testbed::mariadb::APP;
use testbed::sql_client::Answer;
use testbed::{Folder, MariaDb, SqlClient, SqlProxy};

#[test]
fn random_sessions_have_the_same_answers_through_the_proxy() {
    let sessions = number("SQL_SESSIONS").unwrap_or(2_000);
    let seed = number("SQL_SEED").unwrap_or_else(plan::fresh_seed);
    println!("SQL_SEED={seed} SQL_SESSIONS={sessions}");
    let folder = Folder::new("sql-sessions");
    let writer = MariaDb::primary(folder.path());
    let reader = MariaDb::replica_of(&writer);
    // A server of its own for what is run directly: ids and sequences of both are then the same.
    let alone_folder = Folder::new("sql-sessions-alone");
    let alone = MariaDb::primary(alone_folder.path());
    let mut proxy = SqlProxy::prepare(folder.path(), &writer, &reader, |config| {
        // One session follows the other at once, and sees what that one wrote.
        config.replacen("mysql_variables=\n{", "mysql_variables=\n{\n        causal_reads=\"user\"", 1)
    });
    proxy.serve();
    for server in [&writer, &reader, &alone] {
        server.sql("SET GLOBAL log_bin_trust_function_creators=1");
    }
    for server in [&writer, &alone] {
        server.sql(plan::SCHEMAS);
        // The server itself finds where each of these ends.
        let mut client = SqlClient::connect(server.port(), APP, plan::SCHEMA, true).expect("a session begins");
        let answers = client.query(plan::TABLES).expect("the connection holds");
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Ok { .. })), "{answers:?}");
    }
    reader.wait_caught_up(&writer);
    let mut steps = 0;
    for session in 0..sessions {
        let eofs = session % 2 == 0;
        let script = plan::script(seed.wrapping_add(session));
        steps += script.len() as u64;
        let direct = perform(alone.port(), &script, eofs);
        let through = perform(proxy.port, &script, eofs);
        for (index, (direct, through)) in direct.iter().zip(&through).enumerate() {
            assert_eq!(
                direct,
                through,
                "session {session} of seed {seed}, step {index} of:\n{}\nthe proxy's log:\n{}",
                plan::show(&script, index),
                proxy.log()
            );
        }
        assert_eq!(direct.len(), through.len(), "session {session} of seed {seed}");
    }
    let reads =
        reader.value("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='COM_SELECT'");
    println!("{sessions} sessions, {steps} statements, the replica performed {reads} SELECTs");
    assert!(reads.parse::<u64>().expect("a number") > sessions, "the replica was hardly asked: {reads}");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What each step was answered, comparable.
fn perform(port: u16, script: &[Step], deprecate_eof: bool) -> Vec<Vec<Answer>> {
    let mut client = SqlClient::connect(port, APP, plan::SCHEMA, deprecate_eof).expect("a session begins");
    let mut prepared: Vec<(u32, bool)> = Vec::new();
    let mut answers = Vec::new();
    for step in script {
        let answer = match step {
            Step::Query(text) => client.query(text),
            Step::Prepare(text) => client.prepare(text).map(|answer| {
                if let Answer::Prepared { id, .. } = answer {
                    prepared.push((id, true));
                }
                vec![without_id(answer)]
            }),
            Step::Execute(parameters) => match prepared.last_mut() {
                Some((id, first)) => {
                    let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
                    client.execute(*id, &parameters, std::mem::take(first))
                }
                None => Ok(Vec::new()),
            },
            Step::Close => match prepared.pop() {
                Some((id, _)) => client.close(id).map(|()| Vec::new()),
                None => Ok(Vec::new()),
            },
            Step::Simple(command, argument) => {
                if *command == mysql::protocol::command::Command::ResetConnection {
                    prepared.clear();
                }
                client.simple(*command, argument.as_bytes()).map(|answer| vec![answer])
            }
        };
        let at = answers.len();
        answers.push(answer.unwrap_or_else(|error| panic!("{error} at:\n{}", plan::show(script, at))));
    }
    answers
}

/// Servers number statements as they like.
fn without_id(answer: Answer) -> Answer {
    match answer {
        Answer::Prepared { columns, parameters, .. } => Answer::Prepared { id: 0, columns, parameters },
        other => other,
    }
}
