//! `cargo xtask bench [balance|ha|sql]`: builds the release binary and the load program, and measures a cluster, the
//! balancer beside HAProxy, five machines, or the SQL proxy.
//!
//! The figures and their method: docs/PERFORMANCE.md.

use crate::packages::{self, Need};
use crate::steps::{cargo, run};
use crate::{Error, root};
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// What to measure: a cluster of one machine unless it says `balance`, `ha` or `sql`
    #[arg(value_parser = ["balance", "ha", "sql"])]
    what: Option<String>,
    /// One JSON object a line (name, value, unit) instead of a table
    #[arg(long)]
    json: bool,
    /// Only figures whose name contains this text
    #[arg(long, default_value = "")]
    only: String,
    /// sql: port on 127.0.0.1 of another proxy to measure too
    #[arg(long)]
    other: Option<u16>,
    /// sql: seconds for each step of the load (default 10)
    #[arg(long)]
    seconds: Option<u64>,
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
    if args.what.as_deref() == Some("sql") {
        let numbers = [("--other", args.other.map(u64::from)), ("--seconds", args.seconds)];
        for (name, number) in numbers {
            bench.args(number.map(|number| format!("{name}={number}")));
        }
    }
    run(&mut bench)
}
