//! Measures a real cluster of one machine, the balancer, or the SQL proxy: the figures of docs/PERFORMANCE.md.
//!
//! The cluster lives on a host of its own (a network namespace); the load comes from a second process inside it, so
//! that client and server are separate programs that share the machine's processors, as on a small server.

mod balance;
mod client;
mod ha;
mod load;
mod process;
mod report;
mod scenes;
mod sql;

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
    /// The balancer beside HAProxy
    Balance {
        /// How often each load is repeated
        #[arg(long, default_value_t = 9)]
        rounds: usize,
    },
    /// The SQL proxy beside none and, where one is named, beside another
    Sql(sql::Options),
    /// Five machines, and one with 500 simulated nodes
    Ha,
    /// A server or a client of that measurement
    #[command(hide = true, subcommand)]
    Part(balance::Part),
}

fn main() {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Load { scene }) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(load::run(&scene));
        }
        Some(Command::Balance { rounds }) => {
            let mut report = Report::new(cli.json);
            balance::run(&cli.only, rounds, &mut report);
            report.finish();
        }
        Some(Command::Ha) => {
            let mut report = Report::new(cli.json);
            ha::run(&cli.only, &mut report);
            report.finish();
        }
        Some(Command::Sql(options)) => {
            let mut report = Report::new(cli.json);
            sql::run(&cli.only, &options, &mut report);
            report.finish();
        }
        Some(Command::Part(part)) => balance::run_part(part),
        None => {
            let mut report = Report::new(cli.json);
            scenes::run(&cli.only, &mut report);
            report.finish();
        }
    }
}
