//! The balancer as a process: the test's own program, started for the test `program::balancer`, in a folder with its
//! file.

#![allow(dead_code, reason = "each of the tests' programs uses a part of it")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Tells the test `balancer` to be one: its command line.
const TOLD: &str = "PROXY_TEST_BALANCER";

/// Tells folders and processes apart that are there at once.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Not a test of its own.
#[test]
fn balancer() {
    let Ok(line) = std::env::var(TOLD) else { return };
    let code = proxy::process::main(line.split_whitespace().map(str::to_owned));
    std::process::exit(if code == std::process::ExitCode::SUCCESS { 0 } else { 1 });
}

/// Where a balancer has its configuration and its statistics socket, `stats.sock`.
pub struct Folder {
    pub path: PathBuf,
}

impl Folder {
    pub fn new(name: &str) -> Self {
        let (own, number) = (std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(format!("barque-{name}-{own}-{number}"));
        _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn write(&self, config: &str) {
        fs::write(self.path("haproxy.cfg"), config).unwrap();
    }

    pub fn spawn(&self, flags: &str) -> Process {
        self.spawn_with(flags, &[])
    }

    pub fn spawn_with(&self, flags: &str, env: &[(&str, &str)]) -> Process {
        let said = self.path(&format!("stderr-{}", NUMBER.fetch_add(1, Relaxed)));
        let line = format!("-f {} {flags}", self.path("haproxy.cfg").display());
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["program::balancer", "--exact", "--nocapture"])
            .env(TOLD, line)
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        Process { process, said }
    }

    /// Started, and its statistics socket answers with its own process id.
    pub fn start(&self, flags: &str) -> Process {
        let mut process = self.spawn(flags);
        let pid = format!("Pid: {}\n", process.id());
        wait("the process", || {
            let ended = process.process.try_wait().unwrap();
            assert_eq!(ended, None, "{}", process.said());
            ask(&self.path("stats.sock"), "show info\n").contains(&pid)
        });
        process
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.path);
    }
}

pub struct Process {
    pub process: Child,
    said: PathBuf,
}

impl Process {
    pub fn id(&self) -> i32 {
        self.process.id() as i32
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id()), signal).unwrap();
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// Its exit code, once it has ended.
    pub fn code(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it goes on: {}", self.said());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Nobody listens there now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Empty while nobody answers.
pub fn ask(socket: &Path, command: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) {
        // What came is the answer.
        _ = stream.write_all(command.as_bytes());
        _ = stream.read_to_string(&mut answer);
    }
    answer
}

#[track_caller]
pub fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}
