//! `cargo xtask bench [balance|ha]`: builds the release binary and the load program, and measures a cluster, the
//! balancer beside HAProxy, or five machines.
//!
//! The figures and their method: docs/PERFORMANCE.md.

use crate::packages::{self, Need};
use crate::steps::{cargo, run};
use crate::{Error, root};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// What to measure: a cluster of one machine unless it says `balance` or `ha`
    #[arg(value_parser = ["balance", "ha"])]
    what: Option<String>,
    /// One JSON object a line (name, value, unit) instead of a table
    #[arg(long)]
    json: bool,
    /// Only figures whose name contains this text
    #[arg(long, default_value = "")]
    only: String,
}

pub fn run_bench(args: &Args) -> Result<(), Error> {
    if !packages::is_root() {
        return Err(Error::NotRoot("the benchmark makes network namespaces, mounts and containers"));
    }
    packages::ensure(&Need::ALL)?;
    run(&mut cargo(&["build", "--locked", "--release", "--package", "cli", "--package", "bench"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let programs = target.join("release");
    let mut bench = Command::new(programs.join("bench"));
    bench.env("BARQUE_BIN", programs.join("barque")).args(["--only", &args.only]);
    if args.json {
        bench.arg("--json");
    }
    bench.args(&args.what);
    run(&mut bench)
}
