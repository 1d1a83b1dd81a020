//! One file for each command; this one parses the command line.

mod balance;
mod image;
mod kubeconfig;
mod reset;
mod server;
mod status;

use clap::{Parser, Subcommand};
use daemon::Config;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Kubernetes for a few small servers: API server, store, controllers, scheduler, container runtime, network and DNS in
/// one program.
#[derive(Parser)]
#[command(name = "barque", version, max_term_width = 100)]
struct Cli {
    /// The configuration file [default: /etc/barque/config.yaml, where it exists]
    #[arg(long, short = 'c', global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What must survive: store, images, volumes [default: /var/lib/barque]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// What a reboot may empty: sockets, mounts [default: /run/barque]
    #[arg(long, global = true, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Keys, certificates, kubeconfig [default: /etc/barque]
    #[arg(long, global = true, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run this machine: API server, controllers, scheduler, node agent
    Server(server::Arguments),
    /// Print the administrator's kubeconfig
    Kubeconfig(kubeconfig::Arguments),
    /// Say what runs, whether it is well, what is wrong and what to do
    Status,
    /// Stop all pods and remove everything barque made on this machine
    Reset(reset::Arguments),
    /// Balance TCP and HTTP by a haproxy.cfg, as haproxy would
    Balance(balance::Arguments),
    /// Import, list and remove container images
    #[command(subcommand)]
    Image(image::Command),
}

/// Parses the command line and runs the command.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(arguments) = balance::ours(&arguments) {
        return balance::run(arguments);
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let config = match cli.config() {
        Ok(config) => config,
        Err(error) => return crate::output::fail(&error),
    };
    match cli.command {
        Command::Server(arguments) => server::run(config, arguments),
        Command::Kubeconfig(arguments) => kubeconfig::run(&config, &arguments),
        Command::Balance(arguments) => arguments.run(),
        Command::Status => status::run(&config),
        Command::Reset(arguments) => reset::run(&config, &arguments),
        Command::Image(command) => image::run(&config, command),
    }
}

impl Cli {
    fn config(&self) -> Result<Config, daemon::ConfigError> {
        let mut config = Config::load(self.config.as_deref())?;
        let places = [
            (&mut config.data_dir, &self.data_dir),
            (&mut config.run_dir, &self.run_dir),
            (&mut config.config_dir, &self.config_dir),
        ];
        for (place, given) in places {
            if let Some(given) = given {
                place.clone_from(given);
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
