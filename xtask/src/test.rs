//! `cargo xtask test`: every check and every test, on a machine that may lack all they need.
//!
//! One profile (dev) for everything that is compiled: the dependency tree is built once for tests and the binary under
//! test, and a second time without code for clippy.

use crate::packages::{self, Need};
use crate::steps::{Steps, cargo};
use crate::{Error, fuzz};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Only steps whose names begin so: format, clippy, unit, end-to-end, fuzz
    #[arg(value_name = "STEP")]
    only: Vec<String>,
    /// Seconds for each fuzz target
    #[arg(long, default_value_t = fuzz::SECONDS)]
    fuzz_seconds: u32,
}

pub fn run(args: Args) -> Result<(), Error> {
    if !packages::is_root() {
        return Err(Error::NotRoot("the tests make network namespaces, mounts and containers"));
    }
    let mut steps = Steps::only(args.only);
    let ready = steps.must("system packages", || packages::ensure(&Need::ALL));
    if !ready {
        return steps.finish();
    }
    steps.program("format", cargo(&["fmt", "--all", "--check"]));
    steps.program("clippy", clippy());
    let built = steps.program("build", cargo(&["build", "--locked", "--workspace", "--all-targets"]));
    if built {
        steps.tests(
            "unit tests",
            tests("not package(testbed)", &["--workspace", "--exclude", "testbed", "--lib", "--bins", "--tests"], &[]),
        );
        let one_at_a_time = ["--test-threads=1"];
        steps.tests(
            "end-to-end tests",
            tests("package(testbed)", &["-p", "testbed", "--lib", "--tests"], &one_at_a_time),
        );
    }
    if steps.wants("fuzz") && steps.must("fuzz: build", fuzz::build) {
        fuzz::add_steps(&mut steps, args.fuzz_seconds);
    }
    steps.finish()
}

/// Where programs are found; kubectl too, which Debian's package of the same files would collide with.
fn path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if packages::program("kubectl").is_some() {
        return path;
    }
    let fetched = testbed::tools::kubectl();
    let folder = fetched.parent().map(Path::to_path_buf);
    let folders = folder.into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

fn clippy() -> Command {
    cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// nextest where it is installed, else cargo's own; both use what the build step built.
fn tests(filter: &str, packages: &[&str], arguments: &[&str]) -> Command {
    if packages::program("cargo-nextest").is_some() {
        let mut command = cargo(&["nextest", "run", "--locked", "--workspace", "--no-tests=pass", "-E", filter]);
        command.env("PATH", path());
        return command;
    }
    let mut command = cargo(&["test", "--locked", "--no-fail-fast"]);
    command.env("PATH", path()).args(packages).arg("--").args(arguments);
    command
}
