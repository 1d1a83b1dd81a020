//! The server in the background: a systemd unit where systemd runs, else a process with a log file and a pid file.

use super::{BARQUE, text_of};
use crate::{Error, steps};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const UNIT: &str = "/etc/systemd/system/barque.service";
const LOG: &str = "/var/log/barque.log";
const PID: &str = "/run/barque.pid";

/// How long the server may take to end: it only closes its store.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the server, or replaces the running one.
pub fn start() -> Result<(), Error> {
    if !has_systemd() {
        return start_process();
    }
    let unit = crate::root().join("packaging/barque.service");
    fs::copy(unit, UNIT).map_err(|error| Error::File(UNIT.into(), error))?;
    steps::run(Command::new("systemctl").arg("daemon-reload"))?;
    println!("starting barque.service (log: journalctl -u barque; start at boot: systemctl enable barque)");
    steps::run(Command::new("systemctl").args(["restart", "--no-block", "barque"]))
}

/// Ends the server; its containers go on.
pub fn stop() -> Result<(), Error> {
    if has_systemd() && Path::new(UNIT).exists() {
        return steps::run(Command::new("systemctl").args(["disable", "--now", "--quiet", "barque"]));
    }
    let Some(pid) = running() else { return Ok(()) };
    steps::run(Command::new("kill").arg(pid.to_string()))?;
    let end = Instant::now() + PATIENCE;
    while running().is_some() {
        if Instant::now() > end {
            return Err(Error::NotReady(format!("the server (process {pid}) does not end; its log is {LOG}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Removes what [`start`] made.
pub fn remove() -> Result<(), Error> {
    for file in [UNIT, LOG, PID] {
        match fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::File(file.into(), error)),
            _ => {}
        }
    }
    if has_systemd() { steps::run(Command::new("systemctl").arg("daemon-reload")) } else { Ok(()) }
}

/// False once it has ended by itself.
pub fn is_running() -> bool {
    if !has_systemd() {
        return running().is_some();
    }
    let state = text_of(Command::new("systemctl").args(["show", "--property=ActiveState", "--value", "barque"]));
    // A unit that fails to start is started again by systemd; `Result` tells them apart no better than the patience.
    state.is_ok_and(|state| state.trim() != "failed")
}

/// The end of the log.
pub fn last_words() -> String {
    if has_systemd() {
        return text_of(Command::new("journalctl").args(["-u", "barque", "-n", "20", "--no-pager"]))
            .unwrap_or_default();
    }
    let log = fs::read_to_string(LOG).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn has_systemd() -> bool {
    Path::new("/run/systemd/system").exists()
}

fn start_process() -> Result<(), Error> {
    stop()?;
    let failed = |error| Error::File(LOG.into(), error);
    let log = File::options().append(true).create(true).open(LOG).map_err(failed)?;
    let errors = log.try_clone().map_err(failed)?;
    // A session of its own: closing this terminal is none of its business.
    let mut command = Command::new("setsid");
    command.args([BARQUE, "server"]).current_dir("/").stdin(Stdio::null()).stdout(log).stderr(errors);
    let child = command.spawn().map_err(|error| Error::Start("setsid barque server".to_owned(), error))?;
    println!("starting barque server as process {} (no systemd here; log: {LOG})", child.id());
    fs::write(PID, child.id().to_string()).map_err(|error| Error::File(PID.into(), error))
}

/// The process [`start_process`] made, if it still runs and is still ours.
fn running() -> Option<u32> {
    let pid: u32 = fs::read_to_string(PID).ok()?.trim().parse().ok()?;
    let process = PathBuf::from(format!("/proc/{pid}"));
    // One that has ended and was not waited for has no program any more; one just started is still `setsid`.
    let program = fs::read_link(process.join("exe")).ok()?;
    let name = program.to_string_lossy().into_owned();
    (name.starts_with(BARQUE) || name.ends_with("/setsid")).then_some(pid)
}
