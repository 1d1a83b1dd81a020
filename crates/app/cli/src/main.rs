//! The `barque` binary.

mod commands;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    // A shim must stay tiny and single-threaded: it branches off before anything else is set up.
    runtime::maybe_run_helper();
    commands::run(std::env::args_os())
}
