//! The one configuration file, and what it says when it says nothing.
//!
//! YAML, every field optional; command-line flags come after it. Unknown fields are errors, so that a typing error is
//! seen at start and not a year later.

use cluster::Encryption;
use runtime::Registries;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the file is looked for if no other is named.
pub const DEFAULT_FILE: &str = "/etc/barque/config.yaml";

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// What must survive: the store, images, volumes. Default `/var/lib/barque`.
    pub data_dir: PathBuf,
    /// What a reboot may empty: sockets, mounts, logs of running pods' shims. Default `/run/barque`. At most 40 bytes
    /// long, for the paths of unix sockets below it.
    pub run_dir: PathBuf,
    /// Keys, certificates, kubeconfig. Default `/etc/barque`.
    pub config_dir: PathBuf,
    /// The Node object's name. Default: the host name in lower case.
    pub node_name: String,
    /// The address other machines and pods reach this one by. Default: the one the default route uses.
    pub advertise_address: Option<IpAddr>,
    /// Where the API is served. Default 0.0.0.0.
    pub bind_address: IpAddr,
    /// 1..=65535, default 6443.
    pub port: u16,
    /// Further names and addresses for the API server's certificate.
    pub cert_extra_sans: Vec<String>,
    /// Addresses of Services. Default 10.96.0.0/12 (as kubeadm).
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: String,
    /// Addresses of all pods. Default 10.244.0.0/16 (flannel's); this node takes the first /24.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: String,
    /// Of packets between pods of different machines: `none` or `wireguard`. Read by `init` alone; machines that join do
    /// as their cluster does. Default none.
    pub encryption: Encryption,
    /// Default `cluster.local`.
    pub cluster_domain: String,
    /// How registries are reached: mirrors, plain HTTP, certificates.
    pub registries: Registries,
    /// Name of the bridge, of the device to other nodes, of the nftables table and of the cgroup: another name lets a
    /// second server live on one machine (tests do). At most 10 bytes. Default `barque`.
    pub instance: String,
    /// Where flexVolume drivers are looked for, in this order.
    pub flex_volume_dirs: Vec<PathBuf>,
    /// Pods this node takes: default 110.
    pub max_pods: u32,
    /// How long certificates live that a master signs for itself: at least `1m`. Each is signed anew after two thirds of
    /// that. Default `8760h`, a year.
    pub certificate_validity: String,
    /// Between snapshots of the cluster on a master: `12h` (the default), `1h30m`; `0s`: none but those asked for.
    pub snapshot_interval: String,
    /// How many of those are kept, at least 1. Default 5.
    pub snapshot_retention: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a valid configuration: {why}")]
    Parse { path: PathBuf, why: String },
    #[error("{field} {value:?} is not valid: {why}")]
    Value { field: &'static str, value: String, why: &'static str },
}

/// An IPv4 range: base address and prefix length.
pub type Range = (Ipv4Addr, u8);

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "/var/lib/barque".into(),
            run_dir: "/run/barque".into(),
            config_dir: "/etc/barque".into(),
            node_name: host_name(),
            advertise_address: None,
            bind_address: Ipv4Addr::UNSPECIFIED.into(),
            port: 6443,
            cert_extra_sans: Vec::new(),
            service_cidr: "10.96.0.0/12".to_owned(),
            pod_cidr: "10.244.0.0/16".to_owned(),
            encryption: Encryption::None,
            cluster_domain: "cluster.local".to_owned(),
            registries: Registries::default(),
            instance: "barque".to_owned(),
            flex_volume_dirs: vec![
                "/usr/libexec/kubernetes/kubelet-plugins/volume/exec".into(),
                "/usr/libexec/barque/volume/exec".into(),
            ],
            max_pods: 110,
            certificate_validity: "8760h".to_owned(),
            snapshot_interval: "12h".to_owned(),
            snapshot_retention: 5,
        }
    }
}

impl Config {
    /// Reads the file. A missing file is the default configuration only where nobody named it.
    ///
    /// # Errors
    /// If the file cannot be read or says something that is not known.
    pub fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let why = |error: serde_saphyr::Error| ConfigError::Parse { path: path.to_owned(), why: error.to_string() };
        serde_saphyr::from_str(text).map_err(why)
    }

    /// Checks what could only fail later, and in worse words.
    ///
    /// # Errors
    /// Names the field and what is wrong with it.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, value: &dyn std::fmt::Display, why| {
            Err(ConfigError::Value { field, value: value.to_string(), why })
        };
        if self.run_dir.as_os_str().len() > 40 {
            return wrong("runDir", &self.run_dir.display(), "it may have at most 40 bytes, for the sockets below it");
        }
        if self.instance.is_empty() || self.instance.len() > 10 {
            return wrong("instance", &self.instance, "it must have 1 to 10 bytes");
        }
        if self.port == 0 {
            return wrong("port", &self.port, "it must be in 1..=65535");
        }
        self.snapshot_every()?;
        self.certificates_live()?;
        let (pods, services) = (self.pod_range()?, self.service_range()?);
        if pods.1 > 24 {
            return wrong("podCIDR", &self.pod_cidr, "each node takes a /24, so it must be /24 or larger");
        }
        if overlap(pods, services) {
            return wrong("serviceCIDR", &self.service_cidr, "it overlaps podCIDR");
        }
        Ok(())
    }

    /// Zero: never.
    pub fn snapshot_every(&self) -> Result<Duration, ConfigError> {
        let why = "a time such as 12h or 30m is needed";
        time("snapshotInterval", &self.snapshot_interval, Duration::ZERO, why)
    }

    /// A minute and more.
    pub fn certificates_live(&self) -> Result<Duration, ConfigError> {
        let why = "a time such as 8760h or 30m is needed, of a minute or more";
        time("certificateValidity", &self.certificate_validity, Duration::from_secs(60), why)
    }

    pub fn service_range(&self) -> Result<Range, ConfigError> {
        range("serviceCIDR", &self.service_cidr)
    }

    pub fn pod_range(&self) -> Result<Range, ConfigError> {
        range("podCIDR", &self.pod_cidr)
    }

    /// The address of cluster DNS: the tenth of the Service range, as everywhere.
    pub fn dns_address(&self) -> Result<Ipv4Addr, ConfigError> {
        Ok(nth(self.service_range()?, 10))
    }

    /// The address of the `kubernetes` Service: the first of the range.
    pub fn kubernetes_address(&self) -> Result<Ipv4Addr, ConfigError> {
        Ok(nth(self.service_range()?, 1))
    }

    /// As a member of a cluster: what the cluster decided stands above what this machine's file says.
    pub fn of_member(self, member: &cluster::Membership) -> Self {
        Self {
            node_name: member.node_name.clone(),
            advertise_address: Some(member.address),
            port: member.port,
            cert_extra_sans: [self.cert_extra_sans, member.cert_sans.clone()].concat(),
            service_cidr: member.service_cidr.clone(),
            pod_cidr: member.pod_cidr.clone(),
            encryption: member.encryption,
            cluster_domain: member.cluster_domain.clone(),
            ..self
        }
    }

    /// The configured address, or the one the default route uses, or loopback on a machine without network.
    pub fn address(&self) -> IpAddr {
        self.advertise_address.or_else(route_address).unwrap_or(Ipv4Addr::LOCALHOST.into())
    }

    pub fn pki_dir(&self) -> PathBuf {
        self.config_dir.join("pki")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.config_dir.join("admin.conf")
    }

    pub fn store_file(&self) -> PathBuf {
        self.data_dir.join("store").join("state.db")
    }
}

/// `12h`, `1h30m`; at least `least`.
fn time(field: &'static str, text: &str, least: Duration, why: &'static str) -> Result<Duration, ConfigError> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    let refused = || ConfigError::Value { field, value: text.to_owned(), why };
    parsed.filter(|time| *time >= least).ok_or_else(refused)
}

fn range(field: &'static str, text: &str) -> Result<Range, ConfigError> {
    let parsed = text.split_once('/').and_then(|(base, bits)| Some((base.parse().ok()?, bits.parse().ok()?)));
    parsed.filter(|(_, bits): &Range| *bits <= 30).ok_or_else(|| ConfigError::Value {
        field,
        value: text.to_owned(),
        why: "an IPv4 range such as 10.96.0.0/12 is needed",
    })
}

fn nth((base, _): Range, n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(base) + n)
}

fn overlap(a: Range, b: Range) -> bool {
    let bits = a.1.min(b.1);
    let mask = if bits == 0 { 0 } else { u32::MAX << (32 - u32::from(bits)) };
    u32::from(a.0) & mask == u32::from(b.0) & mask
}

/// Asking the kernel for a route sends nothing.
fn route_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    if name.is_empty() { "node".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let config = Config::parse(text, Path::new("c.yaml"))?;
        config.check().map(|()| config)
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let config = parse("").unwrap();
        assert_eq!(config.dns_address().unwrap(), Ipv4Addr::new(10, 96, 0, 10));
        assert_eq!(config.port, 6443);
    }

    #[test]
    fn a_typing_error_is_named() {
        let error = parse("prot: 1").unwrap_err().to_string();
        assert!(error.contains("c.yaml") && error.contains("prot"), "{error}");
    }

    #[test]
    fn ranges_must_not_overlap() {
        let error = parse("podCIDR: 10.96.0.0/16").unwrap_err().to_string();
        assert_eq!(error, r#"serviceCIDR "10.96.0.0/12" is not valid: it overlaps podCIDR"#);
        assert!(parse("podCIDR: 10.0.0.0/25").is_err());
        assert!(parse("serviceCIDR: x").is_err());
    }

    #[test]
    fn intervals_are_times() {
        assert_eq!(parse("").unwrap().snapshot_every().unwrap(), Duration::from_secs(12 * 3600));
        assert_eq!(parse("snapshotInterval: 90m").unwrap().snapshot_every().unwrap(), Duration::from_secs(5400));
        assert!(parse("snapshotInterval: 0s").unwrap().snapshot_every().unwrap().is_zero());
        assert!(parse("snapshotInterval: often").is_err());
        assert_eq!(parse("").unwrap().certificates_live().unwrap(), cluster::pki::LIFETIME);
        assert!(parse("certificateValidity: 10s").is_err());
    }
}
