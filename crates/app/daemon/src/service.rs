//! Starting and stopping the server of this machine: by systemd where it runs, else as a process of its own.

use crate::Config;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const UNIT: &str = include_str!("../../../../packaging/barque.service");
const UNIT_FILE: &str = "/etc/systemd/system/barque.service";

/// The time a server has to stop: it waits for nothing but its store and, if the machine goes down, its pods.
const STOPPING: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("cannot write {path}")]
    File { path: PathBuf, source: io::Error },
    #[error("`{command}` failed: {why}")]
    Command { command: String, why: String },
    #[error("the server's own path cannot be found")]
    Program(#[source] io::Error),
    #[error("the server (process {0}) does not stop; see its log")]
    Stays(i32),
}

/// Where the server's log is, as people ask for it.
pub fn log_of(config: &Config) -> String {
    match has_systemd() {
        true => "journalctl -u barque".to_owned(),
        false => log_file(config).display().to_string(),
    }
}

/// Starts the server, and has it started again with the machine where somebody sees to that (systemd). `arguments` are
/// those before the command, such as `--config FILE`.
///
/// # Errors
/// If it cannot be started. That it runs is not yet said.
pub fn start(config: &Config, arguments: &[String]) -> Result<(), ServiceError> {
    let program = std::env::current_exe().map_err(ServiceError::Program)?;
    if has_systemd() {
        return start_unit(&program, arguments);
    }
    for folder in [&config.data_dir, &config.run_dir] {
        std::fs::create_dir_all(folder).map_err(|source| ServiceError::File { path: folder.clone(), source })?;
    }
    let path = log_file(config);
    let opened = File::options().append(true).create(true).open(&path);
    let log = opened.map_err(|source| ServiceError::File { path: path.clone(), source })?;
    let errors = log.try_clone().map_err(|source| ServiceError::File { path, source })?;
    let mut command = Command::new(&program);
    command.args(arguments).arg("server").stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
    // Not waited for: it outlives this command, and is then a child of init.
    match command.spawn() {
        Ok(_) => Ok(()),
        Err(error) => Err(ServiceError::Command { command: program.display().to_string(), why: error.to_string() }),
    }
}

/// Stops the server; none that runs is no error.
///
/// # Errors
/// If it cannot be stopped.
pub fn stop(config: &Config) -> Result<(), ServiceError> {
    if has_systemd() && Path::new(UNIT_FILE).exists() {
        return run(&["systemctl", "disable", "--now", "barque"]);
    }
    end(config)
}

/// As a process.
fn end(config: &Config) -> Result<(), ServiceError> {
    let Some(pid) = running(config) else { return Ok(()) };
    let begin = Instant::now();
    // Gone already: then there is nobody to signal.
    _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
    while running(config) == Some(pid) {
        if begin.elapsed() > STOPPING {
            return Err(ServiceError::Stays(pid));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A server that was stopped by [`pause`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paused {
    /// None ran.
    None,
    /// One of systemd's, from whatever file: with the machine it starts all the same.
    Unit,
    Process,
}

/// Stops the server for a short while.
///
/// # Errors
/// If it cannot be stopped.
pub(crate) fn pause(config: &Config) -> Result<Paused, ServiceError> {
    let is_unit = has_systemd() && run(&["systemctl", "is-active", "--quiet", "barque"]).is_ok();
    if is_unit {
        run(&["systemctl", "stop", "barque"])?;
    }
    match running(config) {
        None if is_unit => Ok(Paused::Unit),
        None => Ok(Paused::None),
        Some(_) => end(config).map(|()| Paused::Process),
    }
}

/// Starts a paused server again, and nothing where none ran. `arguments`: as for [`start`].
///
/// # Errors
/// If it cannot be started.
pub(crate) fn resume(config: &Config, paused: Paused, arguments: &[String]) -> Result<(), ServiceError> {
    match paused {
        Paused::None => Ok(()),
        Paused::Unit => run(&["systemctl", "start", "--no-block", "barque"]),
        Paused::Process => start(config, arguments),
    }
}

/// What the running server was told after its command, if anything.
pub(crate) fn flags(config: &Config) -> Option<String> {
    let command = std::fs::read(format!("/proc/{}/cmdline", running(config)?)).ok()?;
    let words: Vec<_> = command.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let place = words.iter().position(|word| word == "server")?;
    let flags = words[place + 1..].join(" ").trim().to_owned();
    (!flags.is_empty()).then_some(flags)
}

/// Removes what [`start`] wrote for systemd. A unit of a package's own lies elsewhere and stays.
///
/// # Errors
/// If it cannot be removed.
pub fn remove() -> Result<(), ServiceError> {
    let path = PathBuf::from(UNIT_FILE);
    match std::fs::remove_file(&path) {
        Ok(()) if has_systemd() => run(&["systemctl", "daemon-reload"]),
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ServiceError::File { path, source }),
        _ => Ok(()),
    }
}

/// The server's process, if one with this configuration runs.
pub fn running(config: &Config) -> Option<i32> {
    let pid: i32 = std::fs::read_to_string(pid_file(config)).ok()?.trim().parse().ok()?;
    // A number may be another's by now.
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let is_server = command.split(|byte| *byte == 0).any(|word| word == b"server");
    (is_server && pid != std::process::id() as i32).then_some(pid)
}

/// Notes that this process is the server.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn note(config: &Config) -> Result<(), ServiceError> {
    let path = pid_file(config);
    let text = format!("{}\n", std::process::id());
    let written =
        std::fs::create_dir_all(&config.run_dir).and_then(|()| stdx::write_atomically(&path, text.as_bytes(), 0o644));
    written.map_err(|source| ServiceError::File { path, source })
}

fn pid_file(config: &Config) -> PathBuf {
    config.run_dir.join("server.pid")
}

fn log_file(config: &Config) -> PathBuf {
    config.data_dir.join("server.log")
}

/// As sd_booted(3) has it.
fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn start_unit(program: &Path, arguments: &[String]) -> Result<(), ServiceError> {
    let line = format!("ExecStart={} {}", program.display(), [arguments, &["server".to_owned()]].concat().join(" "));
    let unit: String =
        UNIT.lines().map(|old| if old.starts_with("ExecStart=") { &line } else { old }.to_owned() + "\n").collect();
    let path = PathBuf::from(UNIT_FILE);
    stdx::write_atomically(&path, unit.as_bytes(), 0o644).map_err(|source| ServiceError::File { path, source })?;
    run(&["systemctl", "daemon-reload"])?;
    run(&["systemctl", "enable", "--quiet", "barque"])?;
    // It answers when the API is served; how long that takes is for the caller to wait.
    run(&["systemctl", "restart", "--no-block", "barque"])
}

fn run(words: &[&str]) -> Result<(), ServiceError> {
    let failed = |why: String| ServiceError::Command { command: words.join(" "), why };
    let output = Command::new(words[0]).args(&words[1..]).output().map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}
