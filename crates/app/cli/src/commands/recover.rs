//! `barque recover`: a cluster that lost most of its masters, from this one.

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

/// What is at stake. The second sentence is etcd's: what a member has not been told to be acknowledged it drops.
const STAKE: &str = "\
This makes a cluster of this master alone. Everything it had applied is kept. Lost is what the others had acknowledged
and this one had not applied yet: writes of the last moments (a heartbeat, 0.1 s), or all since it was cut off, if it was.
The other masters must not start again with their old data: leave them off, or reset them.
";

pub fn run(config: &Config, arguments: &Arguments, before: &[String]) -> ExitCode {
    eprint!("{STAKE}");
    if !arguments.yes && !agreed("", "say --yes to do it") {
        eprintln!("nothing was changed");
        return ExitCode::FAILURE;
    }
    match super::block_on(daemon::recover(config, before, |phase| println!("{phase}"))) {
        Ok(Ok(line)) => {
            print!(
                "\nThe cluster runs, with this master alone. On each other master, as root:\n\n  barque reset\n  {line}\n\n\
                 Nodes that do not come back: kubectl delete node NAME\n"
            );
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}
