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
    /// Also what is not yet proven: the fuzz targets, and the end-to-end tests named in LEFT_OUT
    #[arg(long)]
    all: bool,
    /// Seconds for each fuzz target
    #[arg(long, default_value_t = 60)]
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
        steps.tests("end-to-end tests", end_to_end(args.all));
    }
    if args.all && steps.wants("fuzz") && steps.must("fuzz: build", fuzz::build) {
        fuzz::add_steps(&mut steps, args.fuzz_seconds);
    }
    if !args.all {
        println!("left out (run them with --all): {} and the fuzz targets. {WHY_LEFT_OUT}", LEFT_OUT.join(", "));
    }
    steps.finish()
}

/// End-to-end tests that have not yet passed from beginning to end on a quiet machine. The list has to become empty.
const LEFT_OUT: [&str; 4] = ["nextcloud", "cronjob", "tour", "a_full_disk_is_said_and_survived"];
const WHY_LEFT_OUT: &str =
    "They are written but not yet proven from beginning to end, so they cannot yet say that a change is bad";

fn end_to_end(all: bool) -> Command {
    if all {
        return tests("package(testbed)", &["-p", "testbed", "--lib", "--tests"], &["--test-threads=1"]);
    }
    tests(
        "package(testbed) and not (binary(nextcloud) or binary(cronjob) or binary(tour) or test(a_full_disk))",
        &["-p", "testbed", "--lib", "--test", "images", "--test", "proxysql", "--test", "reset", "--test", "bad_input"],
        &["--test-threads=1"],
    )
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
