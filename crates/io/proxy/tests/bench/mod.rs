//! The balancer as a process of its own, before a server that echoes.
//!
//! The process is the test's own program, started for the test `bench::balancer`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Tells the test `balancer` to be one: its command line.
const TOLD: &str = "PROXY_TEST_BALANCER";

/// Not a test of its own.
#[test]
fn balancer() {
    let Ok(line) = std::env::var(TOLD) else { return };
    let code = proxy::process::main(line.split_whitespace().map(str::to_owned));
    std::process::exit(if code == std::process::ExitCode::SUCCESS { 0 } else { 1 });
}

/// A folder, a port, and a server that echoes.
pub struct Bench {
    pub folder: PathBuf,
    pub port: u16,
    server: u16,
}

impl Bench {
    pub fn new(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().port();
        // The port tells tests apart that run at once.
        let folder = std::env::temp_dir().join(format!("barque-process-{name}-{}-{server}", std::process::id()));
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut other = stream.try_clone().unwrap();
                    // Whoever breaks off has what they wanted.
                    _ = std::io::copy(&mut stream, &mut other);
                    _ = other.shutdown(Shutdown::Write);
                });
            }
        });
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port, server }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn config(&self, server: &str) -> String {
        format!(
            "global
    nbthread 2
    stats socket {} level admin expose-fd listeners
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend f
    bind 127.0.0.1:{}
    default_backend b
backend b
    server s 127.0.0.1:{} {server}
",
            self.path("stats.sock").display(),
            self.port,
            self.server
        )
    }

    pub fn write(&self, config: &str) {
        fs::write(self.path("haproxy.cfg"), config).unwrap();
    }

    pub fn spawn(&self, flags: &str) -> Process {
        self.spawn_with(flags, &[])
    }

    pub fn spawn_with(&self, flags: &str, env: &[(&str, &str)]) -> Process {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let said = self.path(&format!("stderr-{}", NUMBER.fetch_add(1, Relaxed)));
        let line = format!("-f {} {flags}", self.path("haproxy.cfg").display());
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["bench::balancer", "--exact", "--nocapture"])
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

impl Drop for Bench {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.folder);
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

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.process.kill();
        _ = self.process.wait();
    }
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
