//! `barque reset`: this machine as it was before, nothing of others touched.

use crate::output::{agreed, fail};
use clap::Args;
use daemon::Config;
use std::process::ExitCode;

#[derive(Args)]
pub struct Arguments {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub fn run(config: &Config, arguments: &Arguments) -> ExitCode {
    if !arguments.yes && !asked(config) {
        eprintln!("nothing was removed");
        return ExitCode::FAILURE;
    }
    match super::block_on(daemon::reset(config, |warning| eprintln!("warning: {warning}"))) {
        Ok(Ok(())) => {
            println!("this machine is as it was before barque");
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}

fn asked(config: &Config) -> bool {
    let Config { data_dir, run_dir, config_dir, .. } = config;
    let (data, run, keys) = (data_dir.display(), run_dir.display(), config_dir.display());
    agreed(
        &format!("This stops all pods and removes {data}, {run} and {keys}. "),
        "this removes all pods, images, volumes and cluster data; say --yes to do it",
    )
}
