//! `barque init`: kubeadm's file and flags.

use crate::output::fail;
use clap::Args;
use cluster::Encryption;
use cluster::kubeadm::{self, Endpoint, Etcd, Kubeadm, KubeadmError};
use daemon::Config;
use daemon::init::{Initialized, Options, init, success};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Args)]
pub struct Arguments {
    /// The address other machines reach this one by [default: that of the default route]
    #[arg(long, value_name = "IP")]
    apiserver_advertise_address: Option<IpAddr>,
    /// Port of the API server [default: 6443]
    #[arg(long, value_name = "PORT")]
    apiserver_bind_port: Option<u16>,
    /// Further names and addresses for the API servers' certificate
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    apiserver_cert_extra_sans: Vec<String>,
    /// Where people and machines reach the API servers, HOST[:PORT]
    #[arg(long, value_name = "HOST:PORT")]
    control_plane_endpoint: Option<String>,
    /// Addresses of pods [default: 10.244.0.0/16]
    #[arg(long, value_name = "CIDR")]
    pod_network_cidr: Option<String>,
    /// Addresses of Services [default: 10.96.0.0/12]
    #[arg(long, value_name = "CIDR")]
    service_cidr: Option<String>,
    /// Domain of Services [default: cluster.local]
    #[arg(long, value_name = "DOMAIN")]
    service_dns_domain: Option<String>,
    /// Of packets between pods of different machines: none or wireguard [default: none]
    #[arg(long, value_name = "KIND")]
    encryption: Option<Encryption>,
    /// Name of this node [default: the host name]
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,
    /// How long the workers' token lives; 0 is for ever [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = super::token::duration)]
    token_ttl: Option<Duration>,
    /// Checks that may fail: NumCPU,Mem,... or all
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    ignore_preflight_errors: Vec<String>,
    /// The key that encrypts the cluster's keys for further masters [default: a new one]
    #[arg(long, value_name = "HEX")]
    certificate_key: Option<String>,
    /// Put the encrypted keys into the cluster: always done, the flag is taken for kubeadm's sake
    #[arg(long, alias = "experimental-upload-certs")]
    upload_certs: bool,
    /// An etcd of somebody else instead of one on each master: its client URLs
    #[arg(long, value_name = "URL,...", value_delimiter = ',', requires_all = ["etcd_cafile", "etcd_certfile", "etcd_keyfile"])]
    etcd_servers: Vec<String>,
    #[arg(long, value_name = "FILE")]
    etcd_cafile: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    etcd_certfile: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    etcd_keyfile: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    #[error("cannot read {path}")]
    File { path: String, source: std::io::Error },
    #[error("--config")]
    Kubeadm(#[from] KubeadmError),
    #[error("--control-plane-endpoint {0:?} is no HOST or HOST:PORT")]
    Endpoint(String),
}

/// `file`: kubeadm's configuration, ClusterConfiguration and InitConfiguration, v1beta1 to v1beta4.
pub fn run(config: &Config, arguments: Arguments, file: Option<PathBuf>, before: Vec<String>) -> ExitCode {
    let token_ttl = arguments.token_ttl;
    let encryption = arguments.encryption.unwrap_or(config.encryption);
    let config = Config { encryption, ..config.clone() };
    let kubeadm = match arguments.wanted(file) {
        Ok(kubeadm) => kubeadm,
        Err(error) => return fail(&error),
    };
    let options = Options { kubeadm, token_ttl, before };
    println!("[init] Barque {}", env!("CARGO_PKG_VERSION"));
    told(super::block_on(init(&config, &options, |phase| println!("{phase}"))))
}

/// How a first master was made, or why not.
pub fn told<E: std::error::Error>(made: std::io::Result<Result<Initialized, E>>) -> ExitCode {
    match made {
        Ok(Ok(made)) => {
            print!("{}", success(&made));
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}

impl Arguments {
    /// The file's wishes, and the flags' over them; what has no effect is told.
    fn wanted(self, file: Option<PathBuf>) -> Result<Kubeadm, Wrong> {
        let mut wanted = match &file {
            None => Kubeadm::default(),
            Some(path) => {
                let shown = path.display().to_string();
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|source| Wrong::File { path: shown.clone(), source })?;
                let (wanted, notices) = kubeadm::parse(&text, &shown)?;
                notices.iter().for_each(|notice| eprintln!("[config] {notice}"));
                wanted
            }
        };
        if let Some(text) = self.control_plane_endpoint {
            wanted.control_plane_endpoint = Some(endpoint(&text)?);
        }
        put(&mut wanted.advertise_address, self.apiserver_advertise_address);
        put(&mut wanted.bind_port, self.apiserver_bind_port);
        put(&mut wanted.pod_subnet, self.pod_network_cidr);
        put(&mut wanted.service_subnet, self.service_cidr);
        put(&mut wanted.dns_domain, self.service_dns_domain);
        put(&mut wanted.node_name, self.node_name);
        put(&mut wanted.certificate_key, self.certificate_key);
        wanted.api_server_sans.extend(self.apiserver_cert_extra_sans);
        wanted.ignore_preflight_errors.extend(self.ignore_preflight_errors);
        if let (Some(ca), Some(cert), Some(key)) = (self.etcd_cafile, self.etcd_certfile, self.etcd_keyfile) {
            wanted.etcd = Etcd::External { endpoints: self.etcd_servers, ca, cert, key };
        }
        Ok(wanted)
    }
}

/// `HOST[:PORT]`
pub fn endpoint(text: &str) -> Result<Endpoint, Wrong> {
    Endpoint::parse(text).ok_or_else(|| Wrong::Endpoint(text.to_owned()))
}

fn put<T>(field: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *field = given;
    }
}
