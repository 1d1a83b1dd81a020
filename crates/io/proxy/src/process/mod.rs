//! The process: command line, daemon, limits, rights, signals, reload, its successor.
//!
//! Invariants
//! - Nothing is in force before everything was read and opened; a configuration with a fault changes nothing.
//! - Who started us learns by exit code and standard error what is wrong; who signals us, by the logs.
//! - After rights were given up only reading a new configuration has some of them back, for as long as it takes.

mod daemon;
pub mod fds;
mod handover;
mod limits;
mod load;
mod notify;
mod reload;
mod rights;
mod serve;
mod states;
pub(crate) mod stop;
mod voice;

pub use handover::Inherited;
pub use reload::Control;

use crate::disk::Disk;
use crate::logs::Logs;
use crate::setup::Setup;
use balance::command_line::{self, CommandLine, Task, Wrong};
use balance::config::{Level, Parsed, Problem, conditions};
use std::process::ExitCode;
use std::sync::Arc;
use voice::Voice;

/// As `-v` and messages have it: the version of the language, and ours.
pub const VERSION: &str = concat!("2.6.12-barque", env!("CARGO_PKG_VERSION"));

/// A configuration without a fault that would accept nothing.
const NO_LISTENER: u8 = 2;

/// Runs the balancer to its end. `args` may begin with the command that led here: `balance`.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let mut args: Vec<String> = args.into_iter().collect();
    if args.first().is_some_and(|first| first == "balance") {
        args.remove(0);
    }
    match command_line::parse(&args) {
        Ok(line) => perform(&line),
        Err(Wrong::Usage) => usage(),
        Err(Wrong::Alert(text)) => {
            Voice::default().say(Level::Alert, &text);
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    println!("{}\n{}", introduction(), command_line::USAGE);
    ExitCode::FAILURE
}

fn introduction() -> String {
    format!("HAProxy version {VERSION} - Barque speaks the language of HAProxy {}", conditions::VERSION)
}

fn perform(line: &CommandLine) -> ExitCode {
    let voice = Voice::new(line.quiet, line.diagnose);
    if let Some(folder) = &line.folder
        && let Err(error) = std::env::set_current_dir(folder)
    {
        let reason = crate::text::reason(&error);
        voice.say(Level::Alert, &format!("Could not change to directory {} : {reason}", folder.display()));
        return ExitCode::FAILURE;
    }
    match &line.task {
        Task::Version => println!("{}", introduction()),
        Task::Details => println!("{}\n{}", introduction(), DETAILS),
        Task::Condition(condition) => return evaluate(condition, &voice),
        Task::Check => return with_configuration(line, &voice, check),
        Task::Serve => return with_configuration(line, &voice, serve::serve),
    }
    ExitCode::SUCCESS
}

/// 0 when it holds, 1 when not, 2 when it cannot be read.
fn evaluate(condition: &str, voice: &Voice) -> ExitCode {
    match conditions::holds(condition, &load::environment()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(wrong) => {
            voice.say(Level::Alert, &format!("config : Failed to evaluate condition: {}", wrong.text));
            ExitCode::from(2)
        }
    }
}

fn with_configuration(
    line: &CommandLine,
    voice: &Voice,
    then: fn(&CommandLine, &Voice, Parsed) -> ExitCode,
) -> ExitCode {
    match load::load(line, &Disk) {
        Ok(Some(parsed)) => then(line, voice, parsed),
        Ok(None) => usage(),
        Err(problems) => {
            voice.show_all(&problems);
            ExitCode::FAILURE
        }
    }
}

/// `-c`: all that can be seen without opening a listener.
fn check(line: &CommandLine, voice: &Voice, parsed: Parsed) -> ExitCode {
    voice.show_all(&parsed.warnings);
    let config = Arc::new(parsed.config);
    let (logs, sender) = match Logs::start() {
        Ok(started) => started,
        Err(error) => return fail(voice, &[format!("cannot start a thread for logs: {error}")]),
    };
    let setup = Setup::load(config.clone(), &Disk, &logs, None);
    logs.stop(sender);
    if let Err(wrong) = setup {
        return fail(voice, &wrong);
    }
    let say = |text: &str| {
        if !line.quiet {
            println!("{text}");
        }
    };
    if parsed.warnings.iter().any(|problem| problem.level == Level::Warning) {
        say("Warnings were found.");
    }
    if config.listens() {
        say("Configuration file is valid");
        ExitCode::SUCCESS
    } else {
        say("Configuration file has no error but will not start (no listener) => exit(2).");
        ExitCode::from(NO_LISTENER)
    }
}

fn fail(voice: &Voice, texts: &[String]) -> ExitCode {
    for text in texts {
        voice.show(&Problem::alert(text.clone()));
    }
    ExitCode::FAILURE
}

/// `-vv`
const DETAILS: &str = "
Configurations are replaced in the running process (SIGHUP, SIGUSR2).

Default settings :
  bufsize = 16384, maxrewrite = 1024

TLS by rustls: TLSv1.2 TLSv1.3, SNI, ALPN, client certificates, session tickets.

Available polling systems :
      epoll : pref=300,  test result OK

Available multiplexer protocols :
         h2 : mode=HTTP  side=FE|BE
         h1 : mode=HTTP  side=FE|BE
       none : mode=TCP   side=FE|BE

Available services : prometheus-exporter";
