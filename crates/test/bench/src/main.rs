//! Measures a real cluster of one machine: the figures of docs/PERFORMANCE.md, one command for all of them.
//!
//! The cluster lives on a host of its own (a network namespace); the load comes from a second process inside it, so
//! that client and server are separate programs that share the machine's processors, as on a small server.

mod client;
mod load;
mod process;
mod report;
mod scenes;

use clap::{Parser, Subcommand};
use report::Report;

#[derive(Parser)]
#[command(about = "Measures a real cluster of one machine")]
struct Cli {
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
    /// Measure only figures whose name contains this text
    #[arg(long, default_value = "")]
    only: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// One kind of load against the cluster of $KUBECONFIG; prints its figures as JSON lines
    #[command(hide = true)]
    Load { scene: String },
}

fn main() {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Load { scene }) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(load::run(&scene));
        }
        None => {
            let mut report = Report::new(cli.json);
            scenes::run(&cli.only, &mut report);
            report.finish();
        }
    }
}
