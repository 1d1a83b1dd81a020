//! `barque migrate`: from the single server to the first of several masters.

use super::init::{Wrong, endpoint, told};
use crate::output::fail;
use clap::Args;
use cluster::Encryption;
use cluster::kubeadm::Kubeadm;
use daemon::Config;
use daemon::init::Options;
use daemon::migrate::migrate;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Args)]
pub struct Arguments {
    /// Where people and machines reach the API servers, HOST[:PORT]
    #[arg(long, value_name = "HOST:PORT")]
    control_plane_endpoint: Option<String>,
    /// Further names and addresses for the API servers' certificate
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    apiserver_cert_extra_sans: Vec<String>,
    /// Of packets between pods of different machines: none or wireguard [default: none]
    #[arg(long, value_name = "KIND")]
    encryption: Option<Encryption>,
    /// How long the workers' token lives; 0 is for ever [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = super::token::duration)]
    token_ttl: Option<Duration>,
    /// The key that encrypts the cluster's keys for further masters [default: a new one]
    #[arg(long, value_name = "HEX")]
    certificate_key: Option<String>,
    /// Checks that may fail: NumCPU,Mem,... or all
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    ignore_preflight_errors: Vec<String>,
}

/// The state goes over while no server runs: said before it is.
const BEFORE: &str = "\
The cluster's state goes from this machine's own store into etcd. The API does not answer for some seconds; containers go
on running. Until etcd has been asked for every key the old store is in force, and it is kept.
";

pub fn run(config: &Config, arguments: Arguments, before: Vec<String>) -> ExitCode {
    let encryption = arguments.encryption.unwrap_or(config.encryption);
    let config = Config { encryption, ..config.clone() };
    let token_ttl = arguments.token_ttl;
    let options = match arguments.wanted() {
        Ok(kubeadm) => Options { kubeadm, token_ttl, before },
        Err(error) => return fail(&error),
    };
    print!("{BEFORE}");
    told(super::block_on(migrate(&config, &options, |phase| println!("{phase}"))))
}

impl Arguments {
    fn wanted(self) -> Result<Kubeadm, Wrong> {
        Ok(Kubeadm {
            control_plane_endpoint: self.control_plane_endpoint.as_deref().map(endpoint).transpose()?,
            api_server_sans: self.apiserver_cert_extra_sans,
            certificate_key: self.certificate_key,
            ignore_preflight_errors: self.ignore_preflight_errors,
            ..Kubeadm::default()
        })
    }
}
