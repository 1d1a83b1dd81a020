//! `barque migrate`: from a single server to the first master of several.

use super::init::Arguments;
use crate::output::fail;
use daemon::init::success;
use daemon::{Config, migrate};
use std::path::PathBuf;
use std::process::ExitCode;

/// `file`: kubeadm's configuration, as for `init`.
pub fn run(config: &Config, arguments: Arguments, file: Option<PathBuf>, before: Vec<String>) -> ExitCode {
    let (config, options) = match arguments.options(config, file, before) {
        Ok(made) => made,
        Err(error) => return fail(&error),
    };
    match super::block_on(migrate(&config, &options, |phase| println!("{phase}"))) {
        Ok(Ok(migrated)) => {
            print!("{}", success(&migrated.made));
            println!(
                "\nThe old store is {}; it has what was there before and may be deleted once you trust the new one.",
                migrated.old.display()
            );
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}
