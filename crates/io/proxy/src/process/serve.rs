//! Serving: from a configuration without a fault to the end of the process.

use super::notify::Manager;
use super::{Control, Inherited, Voice, daemon, fail, limits, rights, states, stop};
use crate::cli::{Door, Doors};
use crate::disk::Disk;
use crate::engine::{Engine, StartError};
use crate::logs::Logs;
use crate::setup::Setup;
use balance::command_line::{CommandLine, Ending};
use balance::config::model::Config;
use balance::config::{Level, Parsed};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::runtime::LocalOptions;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a process that a signal of this number ended, as shells show it.
const BY_SIGNAL: u8 = 128;

/// The last word when a socket cannot be opened.
const NO_START: &str = "[haproxy.main()] Some protocols failed to start their listeners! Exiting.";

pub fn serve(line: &CommandLine, voice: &Voice, parsed: Parsed) -> ExitCode {
    let wanted = line.daemon || parsed.config.global.daemon;
    let background = daemon::is_background();
    if wanted && !line.foreground && !line.notify && !background {
        // What there is to say, the second one says.
        return daemon::start().unwrap_or_else(|_| fail(voice, &["[haproxy.main()] Cannot fork.".to_owned()]));
    }
    voice.show_all(&parsed.warnings);
    let warnings = parsed.warnings.iter().map(|problem| problem.render(std::process::id()) + "\n").collect();
    let (config, env) = (Arc::new(parsed.config), parsed.env);
    if !config.listens() {
        let text = "[haproxy.main()] No enabled listener found (check for 'bind' directives) ! Exiting.";
        return fail(voice, &[text.to_owned()]);
    }
    let (logs, sender) = match Logs::start() {
        Ok(started) => started,
        Err(error) => return fail(voice, &[format!("cannot start a thread for logs: {error}")]),
    };
    let code = match prepare(line, &config, &logs, background) {
        Ok(prepared) => {
            prepared.engine.desk.set_startup(warnings);
            prepared.engine.desk.set_environment(env);
            prepared.run(line).unwrap_or_else(|error| fail(voice, &[format!("cannot serve: {error}")]))
        }
        Err(texts) => fail(voice, &texts),
    };
    // Lines that are on their way are sent.
    logs.stop(sender);
    code
}

/// Everything that can fail has not.
struct Prepared {
    engine: Arc<Engine>,
    doors: Vec<Door>,
    manager: Manager,
    /// In the background: where our streams go.
    nowhere: Option<File>,
}

fn prepare(line: &CommandLine, config: &Arc<Config>, logs: &Logs, background: bool) -> Result<Prepared, Vec<String>> {
    let one = |text: String| vec![text];
    let nowhere = background.then(daemon::open_nowhere).transpose();
    let nowhere = nowhere.map_err(|error| one(format!("cannot open /dev/null: {error}")))?;
    if background {
        daemon::detach();
    }
    if let Some(megabytes) = line.memory {
        limits::memory(megabytes).map_err(one)?;
    }
    let inherited = line.handover.as_deref().map(Inherited::take_over).transpose().map_err(one)?;
    let no_start = |texts: Vec<String>| texts.into_iter().chain([NO_START.to_owned()]).collect::<Vec<_>>();
    let mut doors = crate::cli::open(config).map_err(no_start)?;
    if let Some(words) = &line.master_socket {
        doors.extend(crate::cli::open_master(words, config).map_err(no_start)?);
    }
    let mut setup = Setup::load(config.clone(), &Disk, logs, None)?;
    setup.inherited = inherited.unwrap_or_default();
    let engine = Engine::prepare(setup, logs.clone()).map_err(|StartError(texts)| no_start(texts))?;
    for door in &mut doors {
        door.take_place().map_err(|text| no_start(vec![text]))?;
    }
    for warning in states::restore(&engine, &Disk) {
        logs.notice(Level::Warning, warning);
    }
    if background || line.master {
        write_pid(config).map_err(one)?;
    }
    let manager = Manager::find();
    // Known before the files that tell it are out of reach.
    _ = crate::zone::offset(0);
    rights::give_up(&config.global).map_err(one)?;
    // The first client, too, meets servers as they were and a process without rights.
    engine.open();
    Ok(Prepared { engine, doors, manager, nowhere })
}

fn write_pid(config: &Config) -> Result<(), String> {
    let Some(path) = &config.global.pidfile else { return Ok(()) };
    // A link that somebody else put there is not followed.
    _ = std::fs::remove_file(path);
    let written = std::fs::write(path, format!("{}\n", std::process::id()));
    written.map_err(|_| format!("[haproxy.main()] Cannot create pidfile {}", path.display()))
}

impl Prepared {
    /// The control thread: this one. Sessions have threads of their own.
    fn run(self, line: &CommandLine) -> io::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        runtime.spawn_local(crate::checks::run(self.engine.clone()));
        runtime.spawn_local(crate::names::run(self.engine.clone()));
        let entered = runtime.enter();
        let doors = Doors::new(self.engine.clone(), self.doors);
        drop(entered);
        let control = Control::new(self.engine, line.clone(), doors, self.manager);
        runtime.block_on(async {
            let signals = Signals::listen()?;
            if let Some(nowhere) = &self.nowhere {
                daemon::say_ready(nowhere)?;
            }
            control.manager.ready();
            end_old(line);
            Ok(signals.follow(&control).await)
        })
    }
}

/// Whom we replace: they have what they need to finish, their listeners are ours now.
fn end_old(line: &CommandLine) {
    let signal = match line.ending {
        Ending::Finish => Signal::SIGUSR1,
        Ending::Terminate => Signal::SIGTERM,
    };
    for pid in &line.old {
        // It may have ended by itself.
        _ = kill(Pid::from_raw(*pid), signal);
    }
}

struct Signals {
    reload: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    finish: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::user_defined2())?,
            hangup: signal(SignalKind::hangup())?,
            finish: signal(SignalKind::user_defined1())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn follow(mut self, control: &Control) -> ExitCode {
        loop {
            tokio::select! {
                _ = self.reload.recv() => drop(control.reload()),
                _ = self.hangup.recv() => drop(control.reload()),
                () = control.engine.desk.reload.notified() => drop(control.reload()),
                _ = self.terminate.recv() => return ExitCode::from(BY_SIGNAL + 15),
                _ = self.interrupt.recv() => return ExitCode::from(BY_SIGNAL + 2),
                _ = self.finish.recv() => break,
            }
        }
        control.manager.stopping();
        tokio::select! {
            () = stop::gracefully(&control.engine) => ExitCode::SUCCESS,
            _ = self.terminate.recv() => ExitCode::from(BY_SIGNAL + 15),
            _ = self.interrupt.recv() => ExitCode::from(BY_SIGNAL + 2),
        }
    }
}
