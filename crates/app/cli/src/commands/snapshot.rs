//! `barque snapshot`: the cluster in one file, and a cluster from one.

use crate::output::{fail, table};
use clap::Subcommand;
use daemon::admin::{self, Answer, Question};
use daemon::{Config, snapshot};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum Command {
    /// Save the cluster's state and keys, while the server runs
    Save {
        /// Where to [default: a file named by the time, in DATA_DIR/snapshots]
        file: Option<PathBuf>,
    },
    /// List those in DATA_DIR/snapshots
    #[command(alias = "ls")]
    List,
    /// Put a snapshot's state and keys on this machine, which has none; start the server then
    Restore { file: PathBuf },
}

/// Said with every new snapshot.
const CARE: &str = "It holds the keys of the cluster and all Secrets: whoever has it has the cluster. Keep a copy elsewhere, \
                    in a safe place.";

pub fn run(config: &Config, command: Command) -> ExitCode {
    let done = match command {
        Command::Save { file } => super::block_on(save(config, file)),
        Command::List => {
            print!("{}", listed(config));
            return ExitCode::SUCCESS;
        }
        Command::Restore { file } => super::block_on(async {
            snapshot::restore(config, &file).await.map_err(|error| stdx::chain(&error))?;
            Ok("restored. Start the server now: systemctl start barque, or barque server".to_owned())
        }),
    };
    match done {
        Ok(Ok(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Err(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
        Err(error) => fail(&error),
    }
}

async fn save(config: &Config, file: Option<PathBuf>) -> Result<String, String> {
    // The server has another current folder.
    let file = file.map(std::path::absolute).transpose().map_err(|error| error.to_string())?;
    match admin::ask(config, &Question::Snapshot { file }).await {
        Ok(Answer::Saved(path)) => Ok(format!("saved {}\n{CARE}", path.display())),
        Ok(Answer::Refused(why)) => Err(why),
        Ok(other) => Err(format!("the server gave an answer of another version: {other:?}. Restart it")),
        Err(error) => Err(format!("barque is not running here ({error}): start it, it makes the snapshot")),
    }
}

fn listed(config: &Config) -> String {
    let head = ["FILE", "SIZE", "SAVED"].map(str::to_owned).to_vec();
    let rows = snapshot::list(config).into_iter().map(|saved| {
        let size = format!("{:.1} MiB", saved.bytes as f64 / f64::from(1 << 20));
        vec![saved.path.display().to_string(), size, saved.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()]
    });
    table(&[vec![head], rows.collect()].concat())
}
