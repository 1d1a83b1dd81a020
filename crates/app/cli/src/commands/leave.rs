//! `barque leave`: this machine out of its cluster.

use crate::output::fail;
use clap::Args;
use daemon::Config;
use std::process::ExitCode;

#[derive(Args)]
pub struct Arguments {
    /// Also where the masters that stay are too few to go on
    #[arg(long)]
    force: bool,
}

pub fn run(config: &Config, arguments: &Arguments) -> ExitCode {
    match super::block_on(daemon::leave(config, arguments.force, |phase| println!("{phase}"))) {
        Ok(Ok(())) => {
            println!(
                "\nThis machine has left the cluster. Its containers still run: `barque reset` ends and removes them.\n\
                 Started again, the server joins again."
            );
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}
