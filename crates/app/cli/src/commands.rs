//! One file for each command; this one parses the command line.

mod address;
mod balance;
mod certs;
mod image;
mod init;
mod join;
mod kubeconfig;
mod leave;
mod migrate;
mod recover;
mod reset;
mod server;
mod snapshot;
mod sql;
mod status;
mod token;

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
    /// The configuration file [default: /etc/barque/config.yaml, where it exists]; of `init` also kubeadm's, known by what
    /// is in it
    #[arg(long, short = 'c', global = true, value_name = "FILE")]
    config: Vec<PathBuf>,
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
    /// Make this machine the first master of a cluster, and print the lines that make others join it
    Init(init::Arguments),
    /// Make this machine a member of a cluster
    Join(join::Arguments),
    /// Tell the cluster that this machine has another address now
    Address(address::Arguments),
    /// Make this machine, which has run alone, the first master of a cluster, with all it has
    Migrate(migrate::Arguments),
    /// Take this machine out of its cluster and stop the server; its containers go on
    Leave(leave::Arguments),
    /// Go on with this master alone, when most of the others are lost for good
    Recover(recover::Arguments),
    /// Save the cluster in a file, and make a cluster from one
    #[command(subcommand)]
    Snapshot(snapshot::Command),
    /// Say when the certificates of this machine expire
    Certs,
    /// Make, list and delete the tokens that machines join with
    #[command(subcommand)]
    Token(token::Command),
    /// Print the administrator's kubeconfig
    Kubeconfig(kubeconfig::Arguments),
    /// Say what runs, whether it is well, what is wrong and what to do
    Status,
    /// Stop all pods and remove everything barque made on this machine
    Reset(reset::Arguments),
    /// Balance TCP and HTTP by a haproxy.cfg, as haproxy would
    Balance(balance::Arguments),
    /// Split MySQL's reads from its writes by a proxysql.cnf, as proxysql would
    Sql(sql::Arguments),
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
    if let Command::Sql(arguments) = cli.command {
        return arguments.run(cli.config.into_iter().next_back());
    }
    let (before, kubeadm) = (cli.before(), cli.files().1.cloned());
    let config = match cli.config() {
        Ok(config) => config,
        Err(error) => return crate::output::fail(&error),
    };
    match cli.command {
        Command::Server(arguments) => server::run(config, arguments),
        Command::Init(arguments) => init::run(&config, arguments, kubeadm, before),
        Command::Join(arguments) => join::run(&config, arguments, before),
        Command::Address(arguments) => address::run(&config, &arguments, &before),
        Command::Migrate(arguments) => migrate::run(&config, arguments, before),
        Command::Leave(arguments) => leave::run(&config, &arguments),
        Command::Recover(arguments) => recover::run(&config, &arguments, &before),
        Command::Snapshot(command) => snapshot::run(&config, command),
        Command::Certs => certs::run(&config),
        Command::Token(command) => token::run(&config, command),
        Command::Kubeconfig(arguments) => kubeconfig::run(&config, &arguments),
        Command::Balance(arguments) => arguments.run(),
        // Done above: our own configuration has no part in it.
        Command::Sql(_) => ExitCode::SUCCESS,
        Command::Status => status::run(&config),
        Command::Reset(arguments) => reset::run(&config, &arguments),
        Command::Image(command) => image::run(&config, command),
    }
}

impl Cli {
    /// The global arguments again, for a server that is started in the background.
    fn before(&self) -> Vec<String> {
        let (own, _) = self.files();
        let given = [
            ("--config", own),
            ("--data-dir", self.data_dir.as_ref()),
            ("--run-dir", self.run_dir.as_ref()),
            ("--config-dir", self.config_dir.as_ref()),
        ];
        let given = given.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        given.flat_map(|(flag, value)| [flag.to_owned(), value.display().to_string()]).collect()
    }

    /// Our own configuration file, and kubeadm's, which only `init` takes.
    fn files(&self) -> (Option<&PathBuf>, Option<&PathBuf>) {
        let is_kubeadms = |path: &&PathBuf| {
            matches!(self.command, Command::Init(_))
                && std::fs::read_to_string(path).is_ok_and(|text| text.contains("kubeadm.k8s.io/"))
        };
        let (theirs, own): (Vec<&PathBuf>, Vec<&PathBuf>) = self.config.iter().partition(is_kubeadms);
        (own.last().copied(), theirs.last().copied())
    }

    fn config(&self) -> Result<Config, daemon::ConfigError> {
        let mut config = Config::load(self.files().0.map(PathBuf::as_path))?;
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

/// Runs what asks the API, and waits.
fn block_on<T>(what: impl std::future::Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(what))
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
