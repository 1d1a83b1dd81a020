//! `cargo xtask fuzz`: what strangers send us, with coverage to guide it: libFuzzer on the targets of `fuzz/`.
//!
//! No nightly compiler and no further tool: coverage counters are a stable option, and safe code needs no sanitizer.
//! What is found is kept in `target/fuzz/found`; a corpus grows beside it and makes the next run better.

use crate::Error;
use crate::steps::{Steps, cargo, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The step of each target, and the longest input that makes sense.
const TARGETS: &[(&str, u32)] = &[
    ("fuzz: decode", 4096),
    ("fuzz: protobuf", 4096),
    ("fuzz: patch", 4096),
    ("fuzz: layers", 8192),
    ("fuzz: spdy", 4096),
    ("fuzz: dns", 1024),
    ("fuzz: proxy_protocol", 1024),
    ("fuzz: balance_cli", 2048),
    ("fuzz: haproxy_config", 4096),
    ("fuzz: health_check", 4096),
    ("fuzz: http1", 4096),
    ("fuzz: sample", 4096),
    ("fuzz: sql_statement", 4096),
    ("fuzz: sql_packets", 4096),
    ("fuzz: proxysql_config", 4096),
];

/// Time for each target where nothing else is said: what was found in minutes is found again at once, from the corpus.
pub const SECONDS: u32 = 30;

/// How steps of fuzzing begin.
const STEP: &str = "fuzz: ";

/// What cargo-fuzz would pass, without the sanitizer.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Clink-arg=-fuse-ld=mold";

#[derive(clap::Args)]
pub struct Args {
    /// Seconds for each target
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
    /// Only these targets: decode, protobuf, patch, layers, spdy, dns, proxy_protocol, balance_cli, haproxy_config,
    /// health_check, http1, sample, sql_statement, sql_packets, proxysql_config
    targets: Vec<String>,
}

pub fn run_targets(args: &Args) -> Result<(), Error> {
    let mut steps = Steps::only(args.targets.iter().map(|target| format!("{STEP}{target}")).collect());
    if steps.must("build of the fuzz targets", build) {
        add_steps(&mut steps, args.seconds);
    }
    steps.finish()
}

/// A step for each target.
pub fn add_steps(steps: &mut Steps, seconds: u32) {
    for (name, longest) in TARGETS {
        steps.program(name, target(bare(name), *longest, seconds));
    }
}

/// Builds all targets, for this machine's platform by name, so that build scripts are not counted.
pub fn build() -> Result<(), Error> {
    for (name, _) in TARGETS {
        for folder in ["corpus", "found"] {
            let folder = place().join(folder).join(bare(name));
            std::fs::create_dir_all(&folder).map_err(|error| Error::File(folder, error))?;
        }
    }
    let mut command = cargo(&["build", "--locked", "--release", "--target", &platform(), "--manifest-path"]);
    command.arg(crate::root().join("fuzz/Cargo.toml")).arg("--target-dir").arg(place()).env("RUSTFLAGS", COVERAGE);
    run(&mut command)
}

fn bare(step: &'static str) -> &'static str {
    step.trim_start_matches(STEP)
}

fn target(name: &str, longest: u32, seconds: u32) -> Command {
    let folder = |kind: &str| place().join(kind).join(name);
    let mut command = Command::new(place().join(platform()).join("release").join(name));
    command
        .current_dir(crate::root())
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={longest}"))
        .arg(format!("-artifact_prefix={}/", folder("found").display()))
        // One input that takes longer, or more memory, is a finding.
        .args(["-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1"])
        .arg(folder("corpus"))
        .arg(Path::new("fuzz/seeds").join(name));
    command
}

fn platform() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn place() -> PathBuf {
    testbed::target().join("fuzz")
}
