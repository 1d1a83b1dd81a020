//! Chores of the repository: `cargo xtask CHORE`.

mod schema;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "xtask", about = "Chores of the repository")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Writes the schema facts of all built-in types from the sources of k8s-pb and k8s-openapi.
    Schema(schema::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().chore {
        Chore::Schema(args) => schema::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
