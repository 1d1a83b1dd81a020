//! Serving: from a configuration without a fault to the end of the process.

use super::{Control, Voice, fail, stop};
use crate::cli::{Door, Doors};
use crate::disk::Disk;
use crate::engine::{Engine, StartError};
use crate::logs::{Logs, Sender};
use crate::setup::Setup;
use balance::command_line::CommandLine;
use balance::config::{Level, Parsed};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a process that a signal of this number ended, as shells show it.
const BY_SIGNAL: u8 = 128;

/// The last word when a socket cannot be opened.
const NO_START: &str = "[haproxy.main()] Some protocols failed to start their listeners! Exiting.";

pub fn serve(line: &CommandLine, voice: &Voice, parsed: Parsed) -> ExitCode {
    voice.show_all(&parsed.warnings);
    let warnings = parsed.warnings.iter().map(|problem| problem.render(std::process::id()) + "\n").collect();
    let config = Arc::new(parsed.config);
    if !config.listens() {
        let text = "[haproxy.main()] No enabled listener found (check for 'bind' directives) ! Exiting.";
        voice.say(Level::Alert, text);
        return ExitCode::FAILURE;
    }
    let (logs, sender) = match Logs::start() {
        Ok(started) => started,
        Err(error) => return fail(voice, &[format!("cannot start a thread for logs: {error}")]),
    };
    let doors = crate::cli::open(&config).and_then(|mut doors| {
        if let Some(words) = &line.master_socket {
            doors.extend(crate::cli::open_master(words, &config)?);
        }
        Ok(doors)
    });
    let doors = match doors {
        Ok(doors) => doors,
        Err(texts) => return fail(voice, &texts.into_iter().chain([NO_START.to_owned()]).collect::<Vec<_>>()),
    };
    let started = Setup::load(config, &Disk, &logs, None).and_then(|setup| {
        let error = |error: StartError| error.0.into_iter().chain([NO_START.to_owned()]).collect();
        Engine::start(setup, logs.clone()).map_err(error)
    });
    let engine = match started {
        Ok(engine) => engine,
        Err(texts) => return fail(voice, &texts),
    };
    engine.desk.set_startup(warnings);
    let code = match run(engine, line, doors) {
        Ok(code) => code,
        Err(error) => fail(voice, &[format!("cannot serve: {error}")]),
    };
    finish(&logs, sender);
    code
}

/// The control thread: this one. Sessions have threads of their own.
fn run(engine: Arc<Engine>, line: &CommandLine, doors: Vec<Door>) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.spawn_local(crate::checks::run(engine.clone()));
    let entered = runtime.enter();
    let doors = Doors::new(engine.clone(), doors);
    drop(entered);
    let control = Control::new(engine, line.clone(), doors);
    local.block_on(&runtime, follow_signals(&control))
}

async fn follow_signals(control: &Control) -> io::Result<ExitCode> {
    let mut reload = signal(SignalKind::user_defined2())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut finish = signal(SignalKind::user_defined1())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = reload.recv() => drop(control.reload()),
            _ = hangup.recv() => drop(control.reload()),
            () = control.engine.desk.reload.notified() => drop(control.reload()),
            _ = terminate.recv() => return Ok(ExitCode::from(BY_SIGNAL + 15)),
            _ = interrupt.recv() => return Ok(ExitCode::from(BY_SIGNAL + 2)),
            _ = finish.recv() => break,
        }
    }
    tokio::select! {
        () = stop::gracefully(&control.engine) => Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => Ok(ExitCode::from(BY_SIGNAL + 15)),
        _ = interrupt.recv() => Ok(ExitCode::from(BY_SIGNAL + 2)),
    }
}

/// Lines that are on their way are sent.
fn finish(logs: &Logs, sender: Sender) {
    logs.stop(sender);
}
