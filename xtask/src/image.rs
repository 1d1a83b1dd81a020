//! `cargo xtask image`: the SQL proxy as an image, in place of `severalnines/proxysql`.
//!
//! Invariants
//! - The same binary and libraries give the same archive, byte for byte.

use crate::Error;
use crate::packages::{self, Need};
use crate::steps::{self, cargo};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The archive: for `barque image import`, `ctr image import` and `docker load`
    #[arg(long, default_value = "target/barque-image.tar", value_name = "FILE")]
    out: PathBuf,
    /// The image's name
    #[arg(long, default_value = "barque:latest", value_name = "NAME")]
    tag: String,
    /// Of an unoptimised build: made faster, for tests
    #[arg(long, conflicts_with = "binary")]
    debug: bool,
    /// Of this barque, which is not built
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Error> {
    packages::ensure(&[Need::Build, Need::Run, Need::Images])?;
    let binary = match &args.binary {
        Some(given) => given.clone(),
        None => build(args.debug)?,
    };
    if !binary.is_file() {
        return Err(Error::Lacking(format!("{} is no file: --binary names a barque for Linux", binary.display())));
    }
    let digest = testbed::images::sql_proxy(&binary).write_archive(&args.tag, &args.out);
    let (out, tag) = (args.out.display(), &args.tag);
    println!("{out}: {tag}, {digest}\nnext: barque image import {out}      or: docker load --input {out}");
    Ok(())
}

fn build(debug: bool) -> Result<PathBuf, Error> {
    let (profile, folder) = if debug { ("dev", "debug") } else { ("release", "release") };
    steps::run(&mut cargo(&["build", "--locked", "--profile", profile, "-p", "cli"]))?;
    Ok(testbed::target().join(folder).join("barque"))
}
