//! `cargo xtask down`: stops the cluster and removes it, and what `up` put beside it.

use super::{BARQUE, kubeconfig, service};
use crate::{Error, packages, steps};
use std::path::Path;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub fn run(args: &Args) -> Result<(), Error> {
    if !packages::is_root() {
        return Err(Error::NotRoot("what was made as root is removed as root"));
    }
    service::stop()?;
    if Path::new(BARQUE).exists() {
        let mut reset = Command::new(BARQUE);
        reset.arg("reset").args(args.yes.then_some("--yes"));
        steps::run(&mut reset)?;
        std::fs::remove_file(BARQUE).map_err(|error| Error::File(BARQUE.into(), error))?;
    }
    service::remove()?;
    kubeconfig::remove()?;
    println!("stopped and removed. Packages that `up` installed, and kubectl, stay");
    Ok(())
}
