//! Running programs and waiting for states.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program said, and whether it succeeded.
#[derive(Debug, Clone)]
pub struct Output {
    pub ok: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The standard output of a program that must succeed.
    #[track_caller]
    pub fn expect_ok(self) -> String {
        assert!(self.ok, "{self}");
        self.stdout
    }

    /// The standard error of a program that must fail.
    #[track_caller]
    pub fn expect_failure(self) -> String {
        assert!(!self.ok, "it succeeded: {self}");
        self.stderr
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.stdout.trim_end(), self.stderr.trim_end())
    }
}

/// Runs to the end.
pub fn run(command: &mut Command) -> Output {
    run_with_input(command, "")
}

/// Runs to the end with this text on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Output {
    use std::io::Write;
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {shown}: {error}. `cargo xtask test` installs what tests need"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let text = input.to_owned();
    // A program that does not read its input closes it early.
    let writer = std::thread::spawn(move || _ = stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("{shown}: {error}"));
    writer.join().expect("writing to a pipe does not panic");
    Output {
        ok: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits until `state` gives something; after `limit` fails with what it last said.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut state: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(20);
    loop {
        match state() {
            Ok(reached) => return reached,
            Err(why) if Instant::now() > end => panic!("after {limit:?} not yet {what}: {why}"),
            // Asking starts a program each time: seldom enough not to slow down what is waited for.
            Err(_) => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}
