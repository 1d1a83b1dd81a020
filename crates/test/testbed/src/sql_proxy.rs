//! `barque sql` on his configuration: only addresses, ports and folders are changed.

use crate::mariadb::{MariaDb, Rows, ask, client_at, free_port};
use crate::run::{run, wait_for};
use crate::{barque, example_text};
use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Who may come in on the admin port, as in his file.
pub const ADMIN: (&str, &str) = ("proxysql-admin", "adminpwd");

/// How long the proxy may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running proxy, or one that was stopped. Killed when dropped; its folder goes too.
pub struct SqlProxy {
    folder: PathBuf,
    /// Where applications connect: a port of 127.0.0.1, in place of 6033.
    pub port: u16,
    /// In place of 6032.
    pub admin_port: u16,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl SqlProxy {
    /// Before a writer (hostgroup 10) and a reader (hostgroup 20), in `dir/proxy`; waits until its admin port answers.
    #[track_caller]
    pub fn start(dir: &Path, writer: &MariaDb, reader: &MariaDb) -> Self {
        let mut proxy = Self::prepare(dir, writer, reader, |config| config);
        proxy.serve();
        proxy
    }

    /// Not started yet. `change` gets the configuration with addresses already changed.
    pub fn prepare(dir: &Path, writer: &MariaDb, reader: &MariaDb, change: impl FnOnce(String) -> String) -> Self {
        let folder = dir.join("proxy");
        std::fs::create_dir_all(folder.join("data")).expect("a folder for the proxy");
        let proxy = Self { folder, port: free_port(), admin_port: free_port(), arguments: Vec::new(), process: None };
        let config = change(config(&proxy, writer, reader));
        proxy.configure(&config);
        proxy
    }

    /// Arguments beside `-f` from the next start on: `--initial`, `--proxysql-compat`.
    pub fn set_arguments(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    }

    /// Writes the configuration anew; read at the next start.
    pub fn configure(&self, config: &str) {
        std::fs::write(self.config_file(), config).expect("a configuration file");
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder.join("proxysql.cnf")
    }

    /// In place of `/tmp/proxysql.sock`.
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

    /// Starts the process and waits until its admin port answers and the other takes connections.
    #[track_caller]
    pub fn serve(&mut self) {
        let log = File::options().append(true).create(true).open(self.folder.join("log")).expect("a log file");
        // A proxy that survives its test would keep ports and servers.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(barque()).args(["sql", "-f"]).arg(self.config_file());
        command.args(&self.arguments).stdin(Stdio::null()).stdout(log.try_clone().expect("a log file")).stderr(log);
        self.process = Some(command.spawn().expect("setpriv of util-linux starts"));
        wait_for("answering on its admin port", PATIENCE, || {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().ok().flatten());
            // Waiting longer would not help.
            assert!(ended.is_none(), "barque sql ended with {ended:?}:\n{}", self.log());
            self.try_admin("SELECT 1").map_err(|why| format!("{why}\n{}", self.log()))
        });
        wait_for("listening for applications", PATIENCE, || {
            TcpStream::connect(("127.0.0.1", self.port)).map_err(|why| format!("{why}\n{}", self.log()))
        });
    }

    /// SIGTERM; waits for the end and gives its exit code.
    #[track_caller]
    pub fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take()?;
        run(Command::new("kill").args(["-TERM", &process.id().to_string()])).expect_ok();
        wait_for("stopped", PATIENCE, || match process.try_wait() {
            Ok(Some(status)) => Ok(status.code()),
            other => Err(format!("{other:?}\n{}", self.log())),
        })
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            _ = process.kill();
            _ = process.wait();
        }
    }

    /// Statements of the administrator that must succeed.
    #[track_caller]
    pub fn admin(&self, text: &str) -> Rows {
        match self.try_admin(text) {
            Ok(rows) => rows,
            Err(why) => panic!("admin: {text}: {why}\n{}", self.log()),
        }
    }

    pub fn try_admin(&self, text: &str) -> Result<Rows, String> {
        ask(self.admin_port, ADMIN, "", text)
    }

    /// The `mariadb` client at the admin port, for what a person would see.
    pub fn admin_client(&self) -> Command {
        client_at(self.admin_port, ADMIN)
    }

    /// Statements as a user through the proxy.
    pub fn ask(&self, user: (&str, &str), database: &str, text: &str) -> Result<Rows, String> {
        ask(self.port, user, database, text)
    }

    /// The end of its log, for failures.
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for SqlProxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the proxy's log ended with:\n{}", self.log());
        }
        self.kill();
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays: {error}", self.folder.display());
        }
    }
}

/// His file with what differs on a test's machine, and nothing else.
fn config(proxy: &SqlProxy, writer: &MariaDb, reader: &MariaDb) -> String {
    let server = |address: &str| format!("address=\"{address}\", port=3306");
    let ours = |server: &MariaDb| format!("address=\"127.0.0.1\", port={}", server.port());
    let listen = format!("127.0.0.1:{};{}", proxy.port, proxy.socket().display());
    let changes = [
        (server("192.168.0.17"), ours(writer)),
        (server("192.168.0.77"), ours(reader)),
        ("0.0.0.0:6033;/tmp/proxysql.sock".to_owned(), listen),
        ("0.0.0.0:6032".to_owned(), format!("127.0.0.1:{}", proxy.admin_port)),
        ("/var/lib/proxysql".to_owned(), proxy.folder().join("data").display().to_string()),
    ];
    changes.iter().fold(example_text("seed/proxysql.cnf"), |text, (his, ours)| {
        assert_eq!(text.matches(his.as_str()).count(), 1, "{his} in his proxysql.cnf");
        text.replace(his, ours)
    })
}
