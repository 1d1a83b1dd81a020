//! Stick tables whose keys look into the very table they are kept in: a look at it must not find it locked.

mod bench;
mod program;

use bench::Bench;
use program::{ask, wait};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Longer than any answer takes.
const LIMIT: Duration = Duration::from_secs(5);

/// A server of http: an answer to each connection, then its end.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Whoever breaks off wants no answer.
            _ = stream.read(&mut [0; 4096]);
            _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    address
}

/// The answer over a connection of its own; what became of it, if it did not come in time.
fn get(bench: &Bench) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", bench.port)).expect("the balancer listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("a reader");
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Ok(_) => answer,
        Err(error) => format!("{answer:?}, then {error}"),
    }
}

/// Requests are answered, and the table shows these words afterwards. Each way into it is what the table itself tells.
#[track_caller]
fn check(lines: &str, words: &[&str]) {
    let bench = Bench::new("tables");
    let table = "stick-table type string size 100 store conn_cnt,gpc0,gpt0";
    let config = bench.config("disabled").replace("defaults\n", "defaults\n    mode http\n");
    bench.write(&format!("{config}    server h {}\n    {table}\n    {lines}\n", server()));
    let _process = bench.start("");
    for _ in 0..3 {
        let answer = get(&bench);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{lines}: {answer}");
    }
    let show = || ask(&bench.path("stats.sock"), "show table b\n");
    for word in words {
        wait(&format!("{lines}: {word}"), || show().split_whitespace().any(|shown| shown == *word));
    }
}

#[test]
fn a_sticky_key_may_look_into_its_own_table() {
    check("stick on src,in_table(b)", &["key=0", "server_key=h"]);
    check("stick on src,table_conn_cnt(b)", &["key=0", "server_key=h"]);
    // Of each half by itself.
    check("stick match src,in_table(b)\n    stick store-request src", &["key=127.0.0.1", "server_key=h"]);
    check("stick store-request src,in_table(b)", &["key=0", "server_key=h"]);
    check("stick store-response src,in_table(b)", &["key=0", "server_key=h"]);
}

#[test]
fn a_condition_of_a_sticky_rule_may_look_into_its_own_table() {
    check("stick on src if { table_cnt(b) ge 0 } { src,in_table(b),not -m bool }", &["key=127.0.0.1", "server_key=h"]);
}

#[test]
fn a_tracked_key_may_look_into_its_own_table() {
    check("http-request track-sc0 src,in_table(b)", &["key=0", "conn_cnt=3"]);
    check("http-request track-sc0 src,table_gpc0(b)", &["key=0", "conn_cnt=3"]);
    check("tcp-request content track-sc1 src,table_conn_cnt(b)\n    stick on sc_conn_cnt(1,b)", &["key=0", "key=3"]);
}

#[test]
fn what_is_written_to_an_entry_may_come_from_its_own_table() {
    let set = "http-request sc-set-gpt0(0) src,table_conn_cnt(b)";
    check(&format!("http-request track-sc0 src\n    {set}"), &["key=127.0.0.1", "gpt0=3"]);
}
