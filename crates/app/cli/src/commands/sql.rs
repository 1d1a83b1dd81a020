//! `barque sql`: the MySQL and MariaDB proxy, with ProxySQL's configuration and admin interface.

use proxy::sql::start::{self, Options};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Arguments {
    /// ProxySQL's configuration file [default: /etc/proxysql.cnf]
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Folder of the database and the certificates, in place of the file's `datadir`
    #[arg(short = 'D', long, value_name = "FOLDER")]
    datadir: Option<PathBuf>,
    /// With --proxysql-compat: the database is written anew from the file
    #[arg(long)]
    initial: bool,
    /// With --proxysql-compat: the file's rows are added to the database's
    #[arg(long)]
    reload: bool,
    /// ProxySQL's rule: the file is read only where there is no database yet
    #[arg(long)]
    proxysql_compat: bool,
    /// Say what is wrong with the file, and end
    #[arg(long)]
    check: bool,
    /// Serve new clients for so long after SIGTERM, at least [default: 3 in a pod, else 0]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16))]
    drain: Option<u16>,
}

impl Arguments {
    /// `config`: the file by `-c`, as ProxySQL's own command line has it.
    pub fn run(self, config: Option<PathBuf>) -> ExitCode {
        start::main(&Options {
            config: self.file.or(config),
            datadir: self.datadir,
            initial: self.initial,
            reload: self.reload,
            compat: self.proxysql_compat,
            check: self.check,
            drain: self.drain.map(|seconds| Duration::from_secs(seconds.into())),
        })
    }
}
