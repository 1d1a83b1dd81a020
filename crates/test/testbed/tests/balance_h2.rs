//! HTTP/2 as its rules say it: what public checkers try of a server, tried of the balancer.
//!
//! `H2_PROGRAM=haproxy` tries HAProxy instead, to see what is usual; `H2_ONLY=text` tries some cases.

#[path = "balance_h2_parts/mod.rs"]
mod parts;

use parts::cases;
use parts::wire::Connection;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use testbed::balance::Program;

/// Cases that we do not meet, with the reason.
const KNOWN: &[(&str, &str)] = &[(
    "8.1.2.1 pseudo-header in trailers",
    "the HTTP/2 library drops pseudo-headers from trailers without a word; nothing of them reaches a server",
)];

#[test]
fn each_rule_for_servers_holds() {
    let program = match std::env::var("H2_PROGRAM").as_deref() {
        Ok("haproxy") => Program::HaProxy,
        _ => Program::Barque,
    };
    let only = std::env::var("H2_ONLY").unwrap_or_default();
    let server = answer_for_ever();
    let address = free_address();
    let folder = testbed::folder::Folder::new("balance-h2");
    let config = folder.path().join("h2.cfg");
    std::fs::write(&config, configuration(address, server)).expect("room for a file");
    let mut running = program.start(&config, &folder.path().join("said"), &[]).expect("it starts");
    wait_for(address);
    let wrong: Vec<String> = cases::all()
        .iter()
        .filter(|case| case.name.contains(&only))
        .filter_map(|case| Some(format!("{}: {}", case.name, play(case, address).err()?)))
        .collect();
    running.signal("TERM");
    running.wait(Duration::from_secs(5));
    let is_known = |text: &String| KNOWN.iter().any(|(name, _)| text.starts_with(name));
    let (known, wrong): (Vec<_>, Vec<_>) = wrong.into_iter().partition(is_known);
    if program == Program::Barque && only.is_empty() {
        assert_eq!(known.len(), KNOWN.len(), "a known difference is gone: take it off the list. Left: {known:?}");
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases::all().len(), wrong.join("\n"));
}

fn play(case: &cases::Case, address: SocketAddr) -> Result<(), String> {
    let played = std::panic::catch_unwind(|| {
        let mut connection = match case.raw {
            true => Connection::raw(address),
            false => Connection::open(address, case.settings),
        };
        let bytes = (case.send)(&connection);
        connection.send(&bytes);
        case.expect.check(&mut connection)
    });
    played.unwrap_or_else(|panic| Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".into())))
}

fn configuration(address: SocketAddr, server: SocketAddr) -> String {
    format!(
        "global
    nbthread 1
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
listen h2
    bind {address} proto h2
    server s {server}
"
    )
}

/// An HTTP/1 server that answers each request once its body has come.
fn answer_for_ever() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
        while let Some(end) = request_end(&bytes) {
            let head = bytes.starts_with(b"HEAD");
            bytes.drain(..end);
            let body: &[u8] = if head { b"" } else { b"hello" };
            let answer = [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", body].concat();
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

/// Where the first request ends, if all of it is there.
fn request_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    if text.contains("transfer-encoding: chunked") {
        let end = bytes[head..].windows(5).position(|part| part == b"0\r\n\r\n" || part == b"\n0\r\nx")?;
        let rest = &bytes[head + end..];
        return Some(head + end + rest.windows(4).position(|part| part == b"\r\n\r\n")? + 4);
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let end = head + length.unwrap_or(0);
    (bytes.len() >= end).then_some(end)
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}

fn wait_for(address: SocketAddr) {
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(10), "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
