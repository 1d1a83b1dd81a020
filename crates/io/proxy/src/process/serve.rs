//! Serving: from a configuration without a fault to the end of the process.

use super::{Control, Voice, fail, stop};
use crate::disk::Disk;
use crate::engine::Engine;
use crate::logs::{Logs, Sender};
use crate::setup::Setup;
use balance::command_line::CommandLine;
use balance::config::{Level, Parsed};
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a process that a signal of this number ended, as shells show it.
const BY_SIGNAL: u8 = 128;

pub fn serve(line: &CommandLine, voice: &Voice, parsed: Parsed) -> ExitCode {
    voice.show_all(&parsed.warnings);
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
    let started = Setup::load(config, &Disk, &logs, None).and_then(|setup| {
        let text = "[haproxy.main()] Some protocols failed to start their listeners! Exiting.".to_owned();
        Engine::start(setup, logs.clone()).map_err(|error| error.0.into_iter().chain([text]).collect())
    });
    let engine = match started {
        Ok(engine) => engine,
        Err(texts) => return fail(voice, &texts),
    };
    let control = Rc::new(Control::new(engine, line.clone()));
    let code = match run(&control) {
        Ok(code) => code,
        Err(error) => fail(voice, &[format!("cannot serve: {error}")]),
    };
    finish(&logs, sender);
    code
}

/// The control thread: this one. Sessions have threads of their own.
fn run(control: &Rc<Control>) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.spawn_local(crate::checks::run(control.engine.clone()));
    local.block_on(&runtime, follow_signals(control))
}

async fn follow_signals(control: &Rc<Control>) -> io::Result<ExitCode> {
    let mut reload = signal(SignalKind::user_defined2())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut finish = signal(SignalKind::user_defined1())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = reload.recv() => drop(control.reload()),
            _ = hangup.recv() => drop(control.reload()),
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
