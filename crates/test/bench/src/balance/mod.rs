//! `cargo xtask bench balance`: the balancer beside Debian's HAProxy, in one run, with the same configuration file.
//!
//! Pinned: the balancer has one thread on one processor, client and servers the other one. Free: two threads, nobody is
//! pinned. What client and servers reach without a balancer between them is reported, too: it is the ceiling.

mod load;
mod poll;
mod proxies;
mod rates;
mod serve;

use crate::process;
use crate::report::{Figure, Report};
use clap::Subcommand;
use proxies::{Kind, Program, Proxy, Threads};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Ports of the servers behind the balancer.
const REQUESTS: u16 = 29_000;
const BULK: u16 = 29_001;

/// How long each load runs.
const TIME: Duration = Duration::from_secs(1);

/// Idle connections: two descriptors each, below this process's usual limit of 20,000.
const IDLE: usize = 9_500;

/// One of the small programs that load or serve, in a process of its own.
#[derive(Subcommand)]
pub enum Part {
    /// Answers requests
    Requests {
        address: SocketAddr,
    },
    /// Sends without end
    Bulk {
        address: SocketAddr,
    },
    Connections {
        target: SocketAddr,
    },
    Latency {
        target: SocketAddr,
    },
    Sink {
        target: SocketAddr,
        connections: usize,
    },
    Idle {
        target: SocketAddr,
        count: usize,
    },
}

pub fn run_part(part: Part) {
    let listen = |address| TcpListener::bind(address).expect("the address is free");
    match part {
        Part::Requests { address } => serve::requests(listen(address)),
        Part::Bulk { address } => serve::bulk(listen(address)),
        Part::Connections { target } => println!("[{}]", load::connections(target, TIME)),
        Part::Latency { target } => {
            let (p50, p99) = load::latency(target, TIME);
            println!("[{p50}, {p99}]");
        }
        Part::Sink { target, connections } => println!("[{}]", load::bulk(target, connections, TIME)),
        Part::Idle { target, count } => load::idle(target, count),
    }
}

pub fn run(only: &str, rounds: usize, report: &mut Report) {
    for (threads, suffix) in [(Threads::OnePinned, ""), (Threads::TwoFree, "_2t")] {
        rates::run(threads, suffix, only, rounds, report);
    }
    if "balance_idle_tcp_bytes balance_idle_http_bytes balance_rss_idle_mb".contains(only) {
        memory(report);
    }
}

/// Resident memory with and without idle connections.
fn memory(report: &mut Report) {
    let _servers = [Part::requests(Threads::OnePinned)];
    for program in [Program::HaProxy, Program::Barque] {
        for (kind, name) in [(Kind::Tcp, "idle_tcp_bytes"), (Kind::Http, "idle_http_bytes")] {
            let proxy = Proxy::start(program, Threads::OnePinned);
            let before = process::rss_mb(proxy.pid());
            if kind == Kind::Tcp {
                let own = process::own_rss_mb(proxy.pid());
                let of = if program == Program::Barque { "" } else { "haproxy_" };
                report.add(Figure::new(&format!("balance_{of}rss_idle_mb"), own, "MB"));
                report.add(Figure::new(&format!("balance_{}_rss_with_binary_mb", program.name()), before, "MB"));
            }
            let bytes = hold(&proxy, kind, before);
            let of = if program == Program::Barque { "" } else { "haproxy_" };
            report.add(Figure::new(&format!("balance_{of}{name}"), bytes, "bytes"));
        }
    }
}

/// Bytes a connection, while [`IDLE`] of them are held.
fn hold(proxy: &Proxy, kind: Kind, before: f64) -> f64 {
    let mut command = part(&["idle", &proxy.address(kind).to_string(), &IDLE.to_string()]);
    let mut idle = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    let mut output = std::io::BufReader::new(idle.stdout.take().expect("it is piped"));
    std::io::BufRead::read_line(&mut output, &mut line).expect("it says when all are open");
    assert_eq!(line.trim(), IDLE.to_string(), "all connections are open");
    let bytes = (process::rss_mb(proxy.pid()) - before) * 1e6 / IDLE as f64;
    drop(idle.stdin.take());
    idle.wait().expect("it ends with its input");
    bytes
}

/// `wrk`'s requests a second.
fn wrk(target: SocketAddr, threads: Threads) -> f64 {
    let mut command = threads.beside("wrk");
    command.args(["-t1", "-c64", &format!("-d{}s", TIME.as_secs()), &format!("http://{target}/")]);
    let output = command.output().expect("wrk is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).unwrap_or_else(|| panic!("wrk said: {text}"))
}

fn client(arguments: &[&str], threads: Threads) -> Vec<f64> {
    let own = std::env::current_exe().expect("a program has a path");
    let mut command = threads.beside(own.to_str().expect("a path in UTF-8"));
    let output = command.arg("part").args(arguments).stderr(Stdio::inherit()).output().expect("it starts");
    serde_json::from_slice(&output.stdout).expect("a list of numbers")
}

fn part(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program has a path"));
    command.arg("part").args(arguments);
    command
}

impl Part {
    fn requests(threads: Threads) -> proxies::Running {
        proxies::Running::part(&["requests", &format!("127.0.0.1:{REQUESTS}")], threads, REQUESTS)
    }

    fn bulk(threads: Threads) -> proxies::Running {
        proxies::Running::part(&["bulk", &format!("127.0.0.1:{BULK}")], threads, BULK)
    }
}
