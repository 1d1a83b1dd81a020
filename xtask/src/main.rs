//! Chores of the repository: `cargo xtask CHORE`.

mod bench;
mod fuzz;
mod image;
mod packages;
mod schema;
mod steps;
mod test;
mod up;
mod vm;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "xtask", about = "Chores of the repository")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Installs what is lacking, builds, starts a cluster of this machine, and gives kubectl its kubeconfig.
    Up(up::Args),
    /// Stops the cluster and removes everything `up` made.
    Down(up::down::Args),
    /// Checks the code and runs all tests, installing what they need.
    Test(test::Args),
    /// Throws made-up input at what reads from strangers.
    Fuzz(fuzz::Args),
    /// Measures a release build: the figures of docs/PERFORMANCE.md.
    Bench(bench::Args),
    /// Makes an image of barque that stands in place of severalnines/proxysql.
    Image(image::Args),
    /// Boots a virtual Debian with systemd and cgroup version 2 and checks a release build in it.
    Vm(vm::Args),
    /// Writes the schema facts of all built-in types from the sources of k8s-pb and k8s-openapi.
    Schema(schema::Args),
}

/// Why a chore was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot run {0}: {1}")]
    Start(String, std::io::Error),
    #[error("{0}: {1}")]
    Failed(String, String),
    #[error("{0}")]
    Lacking(String),
    #[error("{0}: run it as root (sudo --preserve-env=PATH,HOME cargo xtask ...)")]
    NotRoot(&'static str),
    #[error("{0}")]
    NotReady(String),
    #[error("failed: {0}")]
    Steps(String),
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error(transparent)]
    Schema(#[from] schema::Error),
}

/// The repository's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

fn main() -> ExitCode {
    let result = match Cli::parse().chore {
        Chore::Up(args) => up::run(&args),
        Chore::Down(args) => up::down::run(&args),
        Chore::Test(args) => test::run(args),
        Chore::Fuzz(args) => fuzz::run_targets(&args),
        Chore::Bench(args) => bench::run_bench(&args),
        Chore::Image(args) => image::run(&args),
        Chore::Vm(args) => vm::run_checks(&args),
        Chore::Schema(args) => schema::run(&args).map_err(Error::from),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
