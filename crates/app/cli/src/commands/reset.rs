//! `barque reset`: this machine as it was before, nothing of others touched.

use crate::output::fail;
use clap::Args;
use daemon::Config;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

#[derive(Args)]
pub struct Arguments {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub fn run(config: &Config, arguments: &Arguments) -> ExitCode {
    if !arguments.yes && !agreed(config) {
        eprintln!("nothing was removed");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(daemon::reset(config, |warning| eprintln!("warning: {warning}"))) {
        Ok(()) => {
            println!("this machine is as it was before barque");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn agreed(config: &Config) -> bool {
    if !std::io::stdin().is_terminal() {
        eprintln!("this removes all pods, images, volumes and cluster data; say --yes to do it");
        return false;
    }
    eprint!(
        "This stops all pods and removes {}, {} and {}. Type yes to go on: ",
        config.data_dir.display(),
        config.run_dir.display(),
        config.config_dir.display()
    );
    // A prompt that cannot be shown is no reason to go on: the answer is then read all the same.
    _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}
