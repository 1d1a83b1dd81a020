//! `barque token`: as `kubeadm token`, with one kind for workers and one for masters.

use crate::output::{fail, table};
use clap::Subcommand;
use cluster::bootstrap::Token;
use daemon::{Config, token};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Subcommand)]
pub enum Command {
    /// Make a token and print it
    Create {
        /// This one [default: a random one]
        token: Option<Token>,
        /// How long it lives; 0 is for ever [default: 24h, of a master's 2h]
        #[arg(long, value_name = "TIME", value_parser = duration)]
        ttl: Option<Duration>,
        /// What it is for, in a person's words
        #[arg(long, default_value = "")]
        description: String,
        /// For a further master: puts the cluster's keys into the cluster, encrypted
        #[arg(long)]
        control_plane: bool,
        /// Print the whole line for the joining machine
        #[arg(long)]
        print_join_command: bool,
    },
    /// List them
    List,
    /// Delete these, by token or by its first half
    Delete {
        #[arg(required = true)]
        tokens: Vec<String>,
    },
}

pub fn run(config: &Config, command: Command) -> ExitCode {
    let done = super::block_on(async {
        match command {
            Command::Create { token: given, ttl, description, control_plane, print_join_command } => {
                let wanted = token::Wanted { token: given, ttl, description, control_plane };
                let made = token::create(config, wanted).await?;
                // A master's token is of no use without the key of its line.
                let whole = print_join_command || control_plane;
                println!("{}", if whole { made.to_string() } else { made.token });
            }
            Command::List => {
                let head = ["TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "FOR"].map(str::to_owned).to_vec();
                let rows = token::list(config).await?;
                print!("{}", table(&[vec![head], rows].concat()));
            }
            Command::Delete { tokens } => {
                for which in tokens {
                    token::delete(config, &which).await?;
                    println!("bootstrap token \"{}\" deleted", which.split('.').next().unwrap_or_default());
                }
            }
        }
        Ok::<(), token::TokenCommandError>(())
    });
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}

/// A Go duration (`24h`, `1h30m`), or 0.
pub fn duration(text: &str) -> Result<Duration, String> {
    cluster::kubeadm::duration(text).ok_or_else(|| format!("{text:?} is no time such as 24h, 90m or 0"))
}
