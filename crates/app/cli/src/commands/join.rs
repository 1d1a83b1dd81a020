//! `barque join`: kubeadm's line with our name.

use crate::output::fail;
use clap::Args;
use cluster::bootstrap::Token;
use daemon::Config;
use daemon::join::{Options, join};
use std::net::IpAddr;
use std::process::ExitCode;

#[derive(Args)]
pub struct Arguments {
    /// An API server, HOST:PORT, as `init` printed it
    #[arg(value_name = "HOST:PORT")]
    server: String,
    /// The token that `init` or `token create` printed
    #[arg(long, value_name = "TOKEN", alias = "discovery-token", alias = "tls-bootstrap-token")]
    token: Token,
    /// Hash of the key of the cluster's authority, sha256:HEX; may be repeated
    #[arg(
        long,
        value_name = "HASH",
        value_delimiter = ',',
        required_unless_present = "discovery_token_unsafe_skip_ca_verification"
    )]
    discovery_token_ca_cert_hash: Vec<String>,
    /// Trust whoever knows the token
    #[arg(long)]
    discovery_token_unsafe_skip_ca_verification: bool,
    /// As a further master
    #[arg(long, alias = "experimental-control-plane", requires = "certificate_key")]
    control_plane: bool,
    /// Decrypts the cluster's keys: of the line for masters
    #[arg(long, value_name = "HEX", requires = "control_plane")]
    certificate_key: Option<String>,
    /// Name of this node [default: the host name]
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,
    /// The address other machines reach this one by [default: that of the default route]
    #[arg(long, value_name = "IP")]
    apiserver_advertise_address: Option<IpAddr>,
    /// Port of a master's API server [default: 6443]
    #[arg(long, value_name = "PORT")]
    apiserver_bind_port: Option<u16>,
    /// Checks that may fail: NumCPU,Mem,... or all
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    ignore_preflight_errors: Vec<String>,
}

pub fn run(config: &Config, arguments: Arguments, before: Vec<String>) -> ExitCode {
    let options = Options {
        server: arguments.server,
        token: arguments.token,
        pins: arguments.discovery_token_ca_cert_hash,
        certificate_key: arguments.certificate_key,
        node_name: arguments.node_name,
        address: arguments.apiserver_advertise_address,
        port: arguments.apiserver_bind_port,
        ignore: arguments.ignore_preflight_errors,
        before,
    };
    match super::block_on(join(config, &options, |phase| println!("{phase}"))) {
        Ok(Ok(membership)) => {
            let role = if membership.is_control_plane() { "a master" } else { "a worker" };
            println!("\nThis machine is {role} of the cluster. `kubectl get nodes` on a master shows it.");
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}
