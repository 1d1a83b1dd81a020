//! The balancer alone: `balance -f haproxy.cfg`.

use balance::config::{self, Source};
use proxy::disk::Disk;
use proxy::logs::Logs;
use proxy::{Engine, Setup};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let files = arguments.iter().zip(arguments.iter().skip(1)).filter(|(flag, _)| *flag == "-f").map(|(_, file)| file);
    let sources: Vec<_> = files
        .map(|file| Source { name: file.clone(), text: std::fs::read(file).expect("the configuration can be read") })
        .collect();
    let parsed = match config::parse(&sources, &std::env::vars().collect(), &Disk) {
        Ok(parsed) => parsed,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::FAILURE;
        }
    };
    let (logs, _sender) = Logs::start().expect("a thread");
    let started = Setup::load(Arc::new(parsed.config), &Disk, &logs, None)
        .map_err(|errors| errors.join("\n"))
        .and_then(|setup| Engine::start(setup, logs).map_err(|error| error.to_string()));
    match started {
        Ok(_engine) => loop {
            std::thread::park();
        },
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
