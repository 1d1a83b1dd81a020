//! The SQL proxy: statements a second, their 95th percentile, and what they cost it; beside no proxy (`direct_`), and
//! beside any other that listens on a port (`other_`).
//!
//! Two real servers, master and replica, on this machine; the load (sysbench, or a client of ours where sysbench has
//! none) shares its processors with them and the proxy. What a query costs is the proxy's own processor time.

mod client;
mod sysbench;
mod target;

use crate::process;
use crate::report::{Figure, Report};
use client::Client;
use std::time::{Duration, Instant};
use target::Target;
use testbed::{Folder, MariaDb};

/// Clients that ask all the time, a step each.
const THREADS: [u16; 4] = [1, 8, 64, 256];
/// Clients that connect for each query.
const CONNECTING: [u16; 3] = [1, 8, 64];
/// Clients that hold a connection and ask nothing.
const IDLE: usize = 2_000;
/// How long they are left alone before memory is looked at: buffers may be given back late.
const REST: Duration = Duration::from_secs(3);
/// 192 MB in rows of a kilobyte.
const BULK: &str = "SELECT REPEAT('x', 1000) FROM test.seq_1_to_192000";

#[derive(clap::Args)]
pub struct Options {
    /// Port on 127.0.0.1 of another proxy, whose user nextcloud may make tables in its database sbtest
    #[arg(long)]
    other: Option<u16>,
    /// Seconds for each step of the load
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Lets sysbench prepare its statements (COM_STMT_*) instead of sending text
    #[arg(long)]
    prepared: bool,
}

pub fn run(only: &str, options: &Options, report: &mut Report) {
    testbed::process::raise_descriptors();
    let folder = Folder::new("bench-sql");
    let primary = MariaDb::primary(folder.path());
    let replica = MariaDb::replica_of(&primary);
    sysbench::prepare(primary.port());
    replica.wait_caught_up(&primary);
    let mut bench = Bench { only, options, report };
    bench.target(&Target::direct(primary.port()));
    match Target::barque(folder.path(), &primary, &replica) {
        Some(barque) => bench.target(&barque),
        None => eprintln!("this barque has no command `sql`: nothing of it is measured"),
    }
    if let Some(port) = options.other {
        sysbench::prepare(port);
        sysbench::wait_readable(port);
        bench.target(&Target::other(port));
    }
}

struct Bench<'a> {
    only: &'a str,
    options: &'a Options,
    report: &'a mut Report,
}

impl Bench<'_> {
    /// In the order in which they disturb each other least: memory first, then what makes it grow.
    fn target(&mut self, target: &Target) {
        if target.is_proxy() && self.wants(target, "rss_fresh_mb") {
            self.add(target, "rss_fresh_mb", target.rss_mb(), "MB");
        }
        if target.is_proxy() && self.wants(target, "idle_client_kb") {
            self.idle(target);
        }
        for threads in THREADS {
            self.sysbench(target, "oltp_point_select", "", threads);
        }
        for threads in THREADS {
            self.sysbench(target, "oltp_read_only", "read_only_", threads);
        }
        for threads in THREADS {
            self.sysbench(target, "oltp_read_write", "read_write_", threads);
        }
        for threads in CONNECTING {
            self.connects(target, threads);
        }
        self.bulk(target);
    }

    fn wants(&self, target: &Target, name: &str) -> bool {
        target.figure(name).contains(self.only)
    }

    fn add(&mut self, target: &Target, name: &str, value: f64, unit: &str) {
        self.report.add(Figure::new(&target.figure(name), value, unit));
    }

    fn sysbench(&mut self, target: &Target, script: &str, infix: &str, threads: u16) {
        let [qps, p95, cpu] = ["qps", "p95_ms", "cpu_us"].map(|what| format!("{infix}{what}_{threads}"));
        if ![&qps, &p95, &cpu].iter().any(|name| self.wants(target, name)) {
            return;
        }
        let before = target.cpu();
        let found = sysbench::run(target.port, script, threads, self.options);
        let used = target.cpu() - before;
        self.add(target, &qps, found.queries_per_second, "1/s");
        self.add(target, &p95, found.p95_ms, "ms");
        if target.is_proxy() {
            self.add(target, &cpu, used.as_secs_f64() * 1e6 / found.queries, "us");
        }
    }

    fn connects(&mut self, target: &Target, threads: u16) {
        let [rate, cpu] = ["connect_per_s", "connect_cpu_us"].map(|what| format!("{what}_{threads}"));
        if ![&rate, &cpu].iter().any(|name| self.wants(target, name)) {
            return;
        }
        let (before, begin) = (target.cpu(), Instant::now());
        let end = begin + Duration::from_secs(self.options.seconds);
        let done: u64 = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..threads).map(|_| scope.spawn(|| connect_until(end, target.port))).collect();
            clients.into_iter().map(|client| client.join().expect("a client does not panic")).sum()
        });
        let (took, used) = (begin.elapsed().as_secs_f64(), target.cpu() - before);
        self.add(target, &rate, done as f64 / took, "1/s");
        if target.is_proxy() {
            self.add(target, &cpu, used.as_secs_f64() * 1e6 / done as f64, "us");
        }
    }

    fn idle(&mut self, target: &Target) {
        let before = target.rss_mb();
        let open = || {
            let mut client = Client::connect(target.port).expect("a connection");
            client.query("SELECT 1").expect("an answer");
            client
        };
        let clients: Vec<Client> = (0..IDLE).map(|_| open()).collect();
        std::thread::sleep(REST);
        let grown = target.rss_mb() - before;
        drop(clients);
        self.add(target, "idle_client_kb", grown * 1e3 / IDLE as f64, "kB");
    }

    fn bulk(&mut self, target: &Target) {
        if !["bulk_mb_per_s", "bulk_cpu_s_per_gb"].iter().any(|name| self.wants(target, name)) {
            return;
        }
        let mut client = Client::connect(target.port).expect("a connection");
        let (before, begin) = (target.cpu(), Instant::now());
        let end = begin + Duration::from_secs(self.options.seconds);
        let mut bytes = 0;
        while bytes == 0 || Instant::now() < end {
            bytes += client.query(BULK).expect("a large result");
        }
        let (took, used) = (begin.elapsed().as_secs_f64(), target.cpu() - before);
        self.add(target, "bulk_mb_per_s", bytes as f64 / 1e6 / took, "MB/s");
        if target.is_proxy() {
            self.add(target, "bulk_cpu_s_per_gb", used.as_secs_f64() / (bytes as f64 / 1e9), "s/GB");
        }
    }
}

/// Connects, asks once, says farewell, again and again; how often.
fn connect_until(end: Instant, port: u16) -> u64 {
    let mut done = 0;
    while Instant::now() < end {
        let mut client = Client::connect(port).expect("a connection");
        client.query("SELECT c FROM sbtest1 WHERE id=5").expect("a row");
        client.quit();
        done += 1;
    }
    done
}
