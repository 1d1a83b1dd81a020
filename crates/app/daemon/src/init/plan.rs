//! What `init` makes of the configuration files and flags. Flags come last, as with kubeadm.

use crate::Config;
use cluster::kubeadm::{Endpoint, Etcd, Kubeadm};
use cluster::preflight::{self, Facts, PreflightError};
use cluster::{Membership, Role, Store, membership};
use std::net::IpAddr;
use std::path::PathBuf;

/// Where a master's etcd keeps its data, below the folder for what must survive.
pub const ETCD_FOLDER: &str = "etcd";

/// The first master.
pub fn membership(config: &Config, wanted: &Kubeadm) -> Membership {
    let address = wanted.advertise_address.unwrap_or_else(|| config.address());
    let port = wanted.bind_port.unwrap_or(config.port);
    let endpoint = wanted.control_plane_endpoint.as_ref();
    let endpoint = endpoint.map_or_else(|| host_port(address, port), |endpoint| endpoint_text(endpoint, port));
    let or = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
    Membership {
        role: Role::ControlPlane,
        node_name: wanted.node_name.clone().unwrap_or_else(|| config.node_name.clone()),
        cluster_name: or(&wanted.cluster_name, "kubernetes"),
        local_api: membership::local_api(Some(&endpoint)),
        endpoint,
        api_servers: vec![(address, port).into()],
        port,
        address,
        service_cidr: or(&wanted.service_subnet, &config.service_cidr),
        pod_cidr: or(&wanted.pod_subnet, &config.pod_cidr),
        cluster_domain: or(&wanted.dns_domain, &config.cluster_domain),
        encryption: config.encryption,
        cert_sans: sans(config, wanted),
        taints: wanted.taints.clone().unwrap_or_default(),
        store: Some(store(config, &wanted.etcd)),
    }
}

/// What the first checks need to know.
fn checks(config: &Config, membership: &Membership) -> preflight::Wanted {
    let etcd_dir = match &membership.store {
        Some(Store::Member { data_dir, .. }) => Some(data_dir.clone()),
        _ => None,
    };
    preflight::Wanted {
        control_plane: membership.is_control_plane(),
        etcd: etcd_dir.is_some(),
        node_name: membership.node_name.clone(),
        address: membership.address,
        port: membership.port,
        local_api_port: membership.local_api.port(),
        etcd_dir: etcd_dir.unwrap_or_default(),
        config_dir: config.config_dir.clone(),
    }
}

/// Looks at this machine; what is ignored is told.
///
/// # Errors
/// What would fail later.
pub fn look(
    config: &Config,
    membership: &Membership,
    ignored: &[String],
    say: &impl Fn(&str),
) -> Result<(), PreflightError> {
    look_around(config, membership, ignored, &[], say)
}

/// The same, on a machine where these ports are our own.
///
/// # Errors
/// What would fail later.
pub fn look_around(
    config: &Config,
    membership: &Membership,
    ignored: &[String],
    own: &[u16],
    say: &impl Fn(&str),
) -> Result<(), PreflightError> {
    say("[preflight] Looking at this machine");
    let wanted = checks(config, membership);
    let mut facts = Facts::gather(&wanted);
    facts.taken_ports.retain(|port| !own.contains(port));
    for warning in preflight::run(&facts, &wanted, ignored)? {
        say(&format!("\t[WARNING {}]: {}", warning.check, warning.cause));
    }
    Ok(())
}

/// `HOST:PORT` for people, `[HOST]:PORT` where the host is an IPv6 address.
pub fn host_port(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

fn endpoint_text(endpoint: &Endpoint, default: u16) -> String {
    let port = endpoint.port.unwrap_or(default);
    match endpoint.host.parse::<IpAddr>() {
        Ok(address) => host_port(address, port),
        Err(_) => format!("{}:{port}", endpoint.host),
    }
}

fn sans(config: &Config, wanted: &Kubeadm) -> Vec<String> {
    let mut sans = [config.cert_extra_sans.clone(), wanted.api_server_sans.clone()].concat();
    sans.extend(wanted.control_plane_endpoint.as_ref().map(|endpoint| endpoint.host.clone()));
    sans.sort();
    sans.dedup();
    sans
}

fn store(config: &Config, etcd: &Etcd) -> Store {
    match etcd {
        Etcd::Local { data_dir, .. } => {
            Store::Member { data_dir: data_dir.clone().unwrap_or_else(|| default_etcd(config)), others: Vec::new() }
        }
        Etcd::External { endpoints, ca, cert, key } => {
            Store::External { endpoints: endpoints.clone(), ca: ca.clone(), cert: cert.clone(), key: key.clone() }
        }
    }
}

pub fn default_etcd(config: &Config) -> PathBuf {
    config.data_dir.join(ETCD_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config { node_name: "m1".to_owned(), advertise_address: "10.0.42.1".parse().ok(), ..Config::default() }
    }

    #[test]
    fn his_file_and_no_flag() {
        let text = "apiVersion: kubeadm.k8s.io/v1beta1\nkind: ClusterConfiguration\nkubernetesVersion: stable\n\
                    apiServer:\n  certSANs:\n  - \"127.0.0.1\"\ncontrolPlaneEndpoint: \"127.0.0.1:5443\"\n\
                    networking:\n   podSubnet: \"10.244.0.0/16\"\n";
        let (wanted, _) = cluster::kubeadm::parse(text, "kubeadm-config.yaml").unwrap();
        let made = membership(&config(), &wanted);
        assert_eq!(made.endpoint, "127.0.0.1:5443");
        assert_eq!(made.local_api, "127.0.0.1:5443".parse().unwrap());
        assert_eq!(made.api_servers, ["10.0.42.1:6443".parse().unwrap()]);
        assert_eq!((made.pod_cidr.as_str(), made.service_cidr.as_str()), ("10.244.0.0/16", "10.96.0.0/12"));
        assert_eq!(made.cert_sans, ["127.0.0.1"]);
        assert_eq!(made.store, Some(Store::Member { data_dir: "/var/lib/barque/etcd".into(), others: vec![] }));
        assert!(made.taints.is_empty());
    }

    #[test]
    fn nothing_said_is_this_machine() {
        let made = membership(&config(), &Kubeadm::default());
        assert_eq!(made.endpoint, "10.0.42.1:6443");
        assert_eq!(made.local_api.port(), membership::LOCAL_API_PORT);
        assert_eq!(made.cluster_name, "kubernetes");
    }

    #[test]
    fn a_name_before_the_masters() {
        let endpoint = Endpoint { host: "k8s.example.org".to_owned(), port: None };
        let made = membership(&config(), &Kubeadm { control_plane_endpoint: Some(endpoint), ..Kubeadm::default() });
        assert_eq!(made.endpoint, "k8s.example.org:6443");
        assert_eq!(made.cert_sans, ["k8s.example.org"]);
    }
}
