//! The programs that are compared: started with the same configuration, pinned or not.

use super::{BULK, REQUESTS, part};
use crate::process;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ports of the first balancer; the next ones have theirs [`STEP`] further on.
const FIRST: u16 = 29_100;
const STEP: u16 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// No balancer: the ceiling of client and servers.
    Direct,
    HaProxy,
    /// With `option splice-request` and `splice-response`.
    HaProxySplice,
    Barque,
}

/// Which of a balancer's listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Tcp = 0,
    Http = 1,
    Bulk = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The balancer on the first processor with one thread, all others on the second.
    OnePinned,
    /// Two threads; the kernel places everybody.
    TwoFree,
}

/// A process that ends with this value.
pub struct Running(Child);

/// A balancer that serves, or none.
pub struct Proxy {
    pub program: Program,
    running: Option<Running>,
    folder: Option<PathBuf>,
}

impl Program {
    fn port(self, kind: Kind) -> u16 {
        match (self, kind) {
            (Self::Direct, Kind::Bulk) => BULK,
            (Self::Direct, _) => REQUESTS,
            _ => FIRST + STEP * self as u16 + kind as u16,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::HaProxy => "haproxy",
            Self::HaProxySplice => "haproxy_splice",
            Self::Barque => "barque",
        }
    }
}

impl Threads {
    /// A program that is not the balancer.
    pub fn beside(self, program: &str) -> Command {
        self.pinned(program, "1")
    }

    fn balancer(self, program: &str) -> Command {
        self.pinned(program, "0")
    }

    fn pinned(self, program: &str, processor: &str) -> Command {
        match self {
            Self::TwoFree => Command::new(program),
            Self::OnePinned => {
                let mut command = Command::new("taskset");
                command.args(["-c", processor, program]);
                command
            }
        }
    }

    fn count(self) -> u32 {
        match self {
            Self::OnePinned => 1,
            Self::TwoFree => 2,
        }
    }
}

impl Running {
    /// One of our own servers, ready to be connected to.
    pub fn part(arguments: &[&str], threads: Threads, port: u16) -> Self {
        let own = part(&[]);
        let mut command = threads.beside(own.get_program().to_str().expect("a path in UTF-8"));
        Self::start(command.arg("part").args(arguments), port)
    }

    fn start(command: &mut Command, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let running = Self(child);
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10), "nothing listens on port {port}: {command:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already: then there is nothing to end.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Proxy {
    pub fn start(program: Program, threads: Threads) -> Self {
        let binary = match program {
            Program::Direct => return Self { program, running: None, folder: None },
            Program::HaProxy | Program::HaProxySplice => PathBuf::from("haproxy"),
            Program::Barque => testbed::barque(),
        };
        let folder = std::env::temp_dir().join(format!("bench-balance-{}-{}", std::process::id(), program.name()));
        std::fs::create_dir_all(&folder).expect("a folder for the configuration");
        let file = folder.join(format!("{}.cfg", program.name()));
        std::fs::write(&file, config(program, threads)).expect("room for a file");
        let mut command = threads.balancer(binary.to_str().expect("a path in UTF-8"));
        if program == Program::Barque {
            command.arg("balance");
        }
        command.args([Path::new("-db"), Path::new("-f"), &file]);
        let running = Running::start(&mut command, program.port(Kind::Tcp));
        Self { program, running: Some(running), folder: Some(folder) }
    }

    /// `taskset` becomes the program it starts, so the pid is the balancer's.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().map_or(0, |running| running.0.id())
    }

    pub fn address(&self, kind: Kind) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.program.port(kind)))
    }

    /// What the load says, and the balancer's processor time in microseconds meanwhile.
    pub fn with_cpu(&self, load: impl FnOnce() -> f64) -> (f64, f64) {
        let before = process::cpu(self.pid());
        let value = load();
        (value, (process::cpu(self.pid()) - before).as_micros() as f64)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running = None;
        if let Some(folder) = &self.folder {
            _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn config(program: Program, threads: Threads) -> String {
    let splice = match program {
        Program::HaProxySplice => "    option splice-request\n    option splice-response\n",
        _ => "",
    };
    let [tcp, http, bulk] = [Kind::Tcp, Kind::Http, Kind::Bulk].map(|kind| program.port(kind));
    // With forced splicing HAProxy wants descriptors for pipes within the same limit.
    let maxconn = if program == Program::HaProxySplice { 2000 } else { 9_800 };
    format!(
        "global
    nbthread {}
    maxconn {maxconn}
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen tcp
    bind 127.0.0.1:{tcp}
    server s1 127.0.0.1:{REQUESTS}
listen bulk
    bind 127.0.0.1:{bulk}
{splice}    server s1 127.0.0.1:{BULK}
listen http
    mode http
    bind 127.0.0.1:{http}
    http-reuse always
    server s1 127.0.0.1:{REQUESTS}
",
        threads.count()
    )
}
