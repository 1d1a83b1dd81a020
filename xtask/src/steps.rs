//! Running programs as steps of a chore: named, timed, counted, and summed up in one line at the end.

use crate::Error;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs to the end with our own output; a failure is an error that shows the command.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|error| Error::Start(shown(command), error))?;
    if status.success() { Ok(()) } else { Err(Error::Failed(shown(command), status.to_string())) }
}

/// Cargo, as this chore itself was run by, without what it told us about xtask.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let about_us = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if about_us.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
    // `cargo run` puts its libraries here; passed on, it would make build scripts differ from those of a plain build.
    command.env_remove("LD_LIBRARY_PATH").current_dir(crate::root()).args(arguments);
    command
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Steps that all run, and what became of them.
#[derive(Default)]
pub struct Steps {
    done: Vec<Step>,
    tests: Count,
    /// Prefixes of `name` to run; empty for all.
    only: Vec<String>,
}

struct Step {
    name: &'static str,
    time: Duration,
    error: Option<Error>,
}

/// How many tests passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Steps {
    pub fn only(only: Vec<String>) -> Self {
        Self { only, ..Self::default() }
    }

    /// Whether this step is among those to run.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }

    /// A step after which the others make no sense where it fails.
    pub fn must(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), Error>) -> bool {
        self.step(name, |_| work())
    }

    /// Runs a test program, counting its tests.
    pub fn tests(&mut self, name: &'static str, mut command: Command) -> bool {
        if !self.wants(name) {
            return true;
        }
        self.step(name, |count| counting(&mut command, count))
    }

    /// Runs a program.
    pub fn program(&mut self, name: &'static str, mut command: Command) -> bool {
        if !self.wants(name) {
            return true;
        }
        self.step(name, |_| run(&mut command))
    }

    fn step(&mut self, name: &'static str, work: impl FnOnce(&mut Count) -> Result<(), Error>) -> bool {
        println!("== {name}");
        let started = Instant::now();
        let error = work(&mut self.tests).err();
        let time = started.elapsed();
        println!("== {name}: {} after {}", if error.is_some() { "FAILED" } else { "ok" }, seconds(time));
        let well = error.is_none();
        self.done.push(Step { name, time, error });
        well
    }

    /// Prints all steps and the sum of all tests; an error where anything failed.
    pub fn finish(self) -> Result<(), Error> {
        println!();
        for step in &self.done {
            let outcome = step.error.as_ref().map_or("ok".to_owned(), ToString::to_string);
            println!("{:>8}  {:24} {outcome}", seconds(step.time), step.name);
        }
        let failed: Vec<&str> = self.done.iter().filter(|s| s.error.is_some()).map(|s| s.name).collect();
        let time = seconds(self.done.iter().map(|step| step.time).sum());
        println!("{} passed, {} failed in {time}", self.tests.passed, self.tests.failed);
        if failed.is_empty() { Ok(()) } else { Err(Error::Steps(failed.join(", "))) }
    }
}

fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 { format!("{:.1}s", time.as_secs_f64()) } else { format!("{}m{:02}s", whole / 60, whole % 60) }
}

/// Runs a test program, passing its output on and reading the sums from it.
fn counting(command: &mut Command, count: &mut Count) -> Result<(), Error> {
    let start = |error| Error::Start(shown(command), error);
    let (reader, writer) = std::io::pipe().map_err(start)?;
    let errors = writer.try_clone().map_err(|error| Error::Start(shown(command), error))?;
    command.stdin(Stdio::null()).stdout(writer).stderr(errors);
    let mut child = command.spawn().map_err(|error| Error::Start(shown(command), error))?;
    // Our ends of the pipe would keep it open for ever.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let found = pass_on(reader);
    let status = child.wait().map_err(|error| Error::Start(shown(command), error))?;
    count.passed += found.passed;
    count.failed += found.failed;
    if status.success() { Ok(()) } else { Err(Error::Failed(shown(command), status.to_string())) }
}

fn pass_on(output: impl Read) -> Count {
    let mut count = Count::default();
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(more) = sum(&line) {
            count.passed += more.passed;
            count.failed += more.failed;
        }
    }
    count
}

/// The sum in a line of cargo test, of nextest, or of a test program of our own.
fn sum(line: &str) -> Option<Count> {
    let plain = line.trim();
    let is_sum = plain.starts_with("test result:") || plain.contains("tests run:") || plain.contains("test run:");
    if !is_sum {
        return None;
    }
    let words: Vec<&str> = plain.split([' ', ',', ';', '.']).filter(|word| !word.is_empty()).collect();
    let before = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    let failed = before("failed").unwrap_or(0u64) + before("timed").unwrap_or(0);
    Some(Count { passed: before("passed").unwrap_or(0), failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read() {
        let of = |passed, failed| Some(Count { passed, failed });
        assert_eq!(sum("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out"), of(12, 0));
        assert_eq!(sum("     Summary [  12.3s] 40 tests run: 37 passed (2 slow), 3 failed, 0 skipped"), of(37, 3));
        assert_eq!(sum("     Summary [  12.3s] 1 test run: 1 passed, 0 skipped"), of(1, 0));
        assert_eq!(sum("PASS [ 0.1s] 5 passed"), None);
    }

    #[test]
    fn steps_that_are_not_wanted_do_not_run() {
        let mut steps = Steps::only(vec!["unit".to_owned()]);
        assert!(steps.program("end-to-end tests", Command::new("false")));
        assert!(!steps.program("unit tests", Command::new("false")));
        assert!(steps.finish().is_err());
    }
}
