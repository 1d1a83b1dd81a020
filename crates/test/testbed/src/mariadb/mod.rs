//! Real MariaDB servers for tests: Debian's `mariadbd` on ports of 127.0.0.1, with folders of their own.
//!
//! Invariants
//! - A server ends with its value, with the thread that started it (the kernel sees to that: a server that is to live
//!   longer than its thread is to be started by another), and its folder with the test's.
//! - A committed row survives [`MariaDb::kill`]: what was committed is with the kernel. A machine's crash is not tested.
//! - Nothing of `/etc/mysql` is read, and nothing of `/var/lib/mysql` is touched.

mod client;
mod general_log;
mod prepared;
mod replication;

pub use client::{Rows, ask, client_at};

use crate::run::{run, wait_for};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// How long a server may take to start, to stop, or to catch up before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The application's user: all rights on the databases `nextcloud`, `sbtest` and `test`, none that lets it write where
/// `read_only` is set.
pub const APP: (&str, &str) = ("nextcloud", "nextcloudpwd");
/// The proxy's monitor: SLAVE MONITOR (see [`MariaDb::set_monitor_rights`]) and nothing else.
pub const MONITOR: (&str, &str) = ("proxysql", "proxysqlpwd");
/// What replicas connect as.
pub const REPLICATION: (&str, &str) = ("replica", "replicapwd");

/// What every server is started with, so that several fit on a small machine and start within a second.
const SMALL: &[&str] = &[
    "--no-defaults",
    "--user=root",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--innodb-use-native-aio=OFF",
    "--innodb-flush-log-at-trx-commit=2",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
    "--max-connections=4000",
    "--max-connect-errors=1000000",
    "--max-allowed-packet=64M",
    "--local-infile=ON",
    // As Debian's own configuration has it; without, it would be latin1.
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--log-bin=bin",
    "--binlog-format=ROW",
    "--log-slave-updates",
    "--relay-log=relay",
    "--slave-net-timeout=10",
    "--general-log-file=general.log",
];

/// One server, running or not. Killed when dropped.
pub struct MariaDb {
    folder: PathBuf,
    port: u16,
    server_id: u32,
    process: Option<Child>,
    /// What `read_only` is when it starts next: true for a replica until it is promoted.
    pub read_only_at_start: bool,
    /// Options added at the next start.
    pub options: Vec<String>,
}

impl MariaDb {
    /// A server that writes, in `dir/db<server_id>`; waits until it answers.
    pub fn primary(dir: &Path) -> Self {
        Self::made(dir, false, &[])
    }

    /// [`Self::primary`] with options of `mariadbd` added, which win over the small ones (`--innodb-buffer-pool-size=1G`).
    pub fn primary_with(dir: &Path, options: &[&str]) -> Self {
        Self::made(dir, false, options)
    }

    /// A read-only server beside this one that follows it by GTID; waits until it has caught up.
    pub fn replica_of(primary: &Self) -> Self {
        let dir = primary.folder.parent().expect("each server's folder lies in its test's");
        let options: Vec<&str> = primary.options.iter().map(String::as_str).collect();
        let replica = Self::made(dir, true, &options);
        replica.follow(primary);
        replica.wait_caught_up(primary);
        replica
    }

    fn made(dir: &Path, read_only_at_start: bool, options: &[&str]) -> Self {
        let server_id = (1..).find(|id| !dir.join(format!("db{id}")).exists()).expect("numbers do not end");
        let folder = dir.join(format!("db{server_id}"));
        prepared::copy_to(&folder);
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { folder, port: free_port(), server_id, process: None, read_only_at_start, options };
        server.start();
        server
    }

    /// Its port on 127.0.0.1, the same after a new start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// 1, 2, … in the order in which a test makes them: what `@@server_id` says.
    pub fn server_id(&self) -> u32 {
        self.server_id
    }

    /// Root comes in here without a password; so does nobody else.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// 0 while it is stopped.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Child::id)
    }

    /// On the folder as it was left; waits until it answers.
    #[track_caller]
    pub fn start(&mut self) {
        self.start_without_waiting();
        wait_for("answering", PATIENCE, || self.try_sql("SELECT 1").map_err(|why| format!("{why}\n{}", self.log())));
    }

    pub fn start_without_waiting(&mut self) {
        assert!(self.process.is_none(), "server {} runs already", self.server_id);
        let log = File::options().append(true).create(true).open(self.folder.join("server.log")).expect("a log file");
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log file")).stderr(log);
        self.process = Some(command.spawn().expect("setpriv of util-linux starts"));
    }

    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "mariadbd"]).args(SMALL);
        let own = [
            format!("--datadir={}/data", self.folder.display()),
            format!("--socket={}", self.socket().display()),
            format!("--pid-file={}/pid", self.folder.display()),
            format!("--port={}", self.port),
            format!("--server-id={}", self.server_id),
            format!("--report-host=db{}", self.server_id),
            format!("--read-only={}", if self.read_only_at_start { "ON" } else { "OFF" }),
        ];
        command.args(own).args(&self.options);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        command
    }

    /// An orderly end (SIGTERM); waits for it.
    #[track_caller]
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        self.signal(process.id(), "TERM");
        wait_for("stopped", PATIENCE, || match process.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}\n{}", self.log())),
        });
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            _ = process.kill();
            _ = process.wait();
        }
    }

    /// SIGSTOP: its connections stay open and say nothing more.
    pub fn freeze(&self) {
        self.signal(self.pid(), "STOP");
    }

    /// SIGCONT after [`Self::freeze`].
    pub fn thaw(&self) {
        self.signal(self.pid(), "CONT");
    }

    #[track_caller]
    fn signal(&self, pid: u32, name: &str) {
        assert!(pid != 0, "server {} does not run", self.server_id);
        run(Command::new("kill").args([&format!("-{name}"), &pid.to_string()])).expect_ok();
    }

    /// The end of its error log, for failures.
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Writes each statement that arrives into [`Self::general_log`], or stops doing so.
    pub fn set_general_log(&self, on: bool) {
        self.sql(&format!("SET GLOBAL general_log={}", u8::from(on)));
    }

    /// What arrived while it was on: lines of time, connection, command and text, as the server writes them.
    pub fn general_log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("data/general.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of server {} ended with:\n{}", self.server_id, self.log());
        }
        self.kill();
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays: {error}", self.folder.display());
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on, below those that the kernel gives to clients: one of these could be
/// taken while its server is stopped.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 8_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let port = FIRST + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("all ports from {FIRST} on are taken");
}
