//! From a document to what it asks for.

use super::fields::Field;
use super::version::Version;
use super::{BootstrapToken, Endpoint, Etcd, Expiry, Kubeadm, KubeadmError, duration, raw, walk};
use crate::bootstrap::NODE_GROUP;
use kinds::corev1::bootstrap_token::halves;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

/// What a bootstrap token has that does not say (upstream: `defaults.go` of bootstraptoken/v1).
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);
const TOKEN_USAGES: [&str; 2] = ["signing", "authentication"];
const TOKEN_GROUPS: [&str; 1] = [NODE_GROUP];

/// Where a message points to.
pub struct Place<'a> {
    pub file: &'a str,
    pub kind: &'a str,
}

impl Place<'_> {
    pub fn tell(&self, document: &Value, version: Version, known: &'static [Field], notices: &mut Vec<String>) {
        let found = walk::walk(document, version, known);
        let Self { file, kind } = self;
        notices.extend(found.unknown.iter().map(|what| format!("{file}: {kind}: unknown field {what}")));
        let without = found.without.iter();
        notices.extend(without.map(|(path, reason)| format!("{file}: {kind}: {path} has no effect: {reason}")));
    }

    pub fn read<T: serde::de::DeserializeOwned>(&self, document: &Value) -> Result<T, KubeadmError> {
        serde_path_to_error::deserialize(document)
            .map_err(|error| self.wrong(&error.path().to_string(), error.inner().to_string()))
    }

    fn wrong(&self, path: &str, why: impl Into<String>) -> KubeadmError {
        let (file, kind) = (self.file.to_owned(), self.kind.to_owned());
        KubeadmError::Value { file, kind, path: path.to_owned(), why: why.into() }
    }

    pub fn cluster(&self, read: raw::Cluster, wanted: &mut Kubeadm) -> Result<(), KubeadmError> {
        wanted.cluster_name = given(read.cluster_name);
        if let Some(text) = given(read.control_plane_endpoint) {
            let endpoint = Endpoint::parse(&text).ok_or_else(|| {
                self.wrong("controlPlaneEndpoint", format!("{text:?} is no HOST or HOST:PORT with a port in 1..=65535"))
            })?;
            wanted.control_plane_endpoint = Some(endpoint);
        }
        wanted.pod_subnet = self.subnet("networking.podSubnet", read.networking.pod_subnet)?;
        wanted.service_subnet = self.subnet("networking.serviceSubnet", read.networking.service_subnet)?;
        wanted.dns_domain = given(read.networking.dns_domain);
        wanted.api_server_sans = read.api_server.cert_sans;
        wanted.etcd = self.etcd(read.etcd)?;
        Ok(())
    }

    fn etcd(&self, read: raw::Etcd) -> Result<Etcd, KubeadmError> {
        match (read.local, read.external) {
            (Some(_), Some(_)) => Err(self.wrong("etcd", "'local' and 'external' exclude each other")),
            (_, Some(external)) if external.endpoints.is_empty() => {
                Err(self.wrong("etcd.external.endpoints", "at least one is needed, such as https://10.0.0.1:2379"))
            }
            (_, Some(external)) => Ok(Etcd::External {
                endpoints: external.endpoints,
                ca: external.ca_file,
                cert: external.cert_file,
                key: external.key_file,
            }),
            (local, None) => {
                let local = local.unwrap_or_default();
                Ok(Etcd::Local {
                    data_dir: local.data_dir.filter(|dir| !dir.as_os_str().is_empty()),
                    server_sans: local.server_cert_sans,
                    peer_sans: local.peer_cert_sans,
                })
            }
        }
    }

    pub fn init(&self, read: raw::Init, wanted: &mut Kubeadm) -> Result<(), KubeadmError> {
        wanted.node_name = given(read.node_registration.name);
        wanted.taints = read.node_registration.taints;
        wanted.ignore_preflight_errors = read.node_registration.ignore_preflight_errors;
        if let Some(address) = given(read.local_api_endpoint.advertise_address) {
            let parsed = address.parse();
            wanted.advertise_address = Some(parsed.map_err(|_| {
                self.wrong("localAPIEndpoint.advertiseAddress", format!("{address:?} is no IP address"))
            })?);
        }
        wanted.bind_port = read.local_api_endpoint.bind_port.filter(|port| *port != 0);
        wanted.certificate_key = given(read.certificate_key);
        if wanted.certificate_key.as_ref().is_some_and(|key| key.len() != 64 || !is_hex(key)) {
            return Err(self.wrong("certificateKey", "64 hex digits are needed"));
        }
        let tokens = read.bootstrap_tokens.into_iter().enumerate();
        wanted.bootstrap_tokens = tokens.map(|(at, token)| self.token(at, token)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn token(&self, at: usize, read: raw::Token) -> Result<BootstrapToken, KubeadmError> {
        let path = |name: &str| format!("bootstrapTokens[{at}].{name}");
        if !is_token(&read.token) {
            let why =
                format!("the bootstrap token {:?} was not of the form \"[a-z0-9]{{6}}.[a-z0-9]{{16}}\"", read.token);
            return Err(self.wrong(&path("token"), why));
        }
        let expiry = match (read.expires, read.ttl) {
            (Some(_), Some(_)) => return Err(self.wrong(&path("ttl"), "'ttl' and 'expires' exclude each other")),
            (Some(at), None) => Expiry::At(at),
            (None, Some(ttl)) => Expiry::After(duration::parse(&ttl).ok_or_else(|| {
                self.wrong(&path("ttl"), format!("{ttl:?} is no duration such as 24h0m0s; 0s is never"))
            })?),
            (None, None) => Expiry::After(TOKEN_TTL),
        };
        let usual = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Ok(BootstrapToken {
            token: read.token,
            description: read.description,
            expiry,
            usages: read.usages.unwrap_or_else(|| usual(&TOKEN_USAGES)),
            groups: read.groups.unwrap_or_else(|| usual(&TOKEN_GROUPS)),
        })
    }

    fn subnet(&self, path: &str, text: Option<String>) -> Result<Option<String>, KubeadmError> {
        let Some(text) = given(text) else { return Ok(None) };
        match text.split(',').all(is_subnet) {
            true => Ok(Some(text)),
            false => Err(self.wrong(path, format!("couldn't parse subnet {text:?}: such as 10.244.0.0/16 is needed"))),
        }
    }
}

impl Endpoint {
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // An IPv6 address without brackets has no port.
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => (text, None),
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port != 0)?)),
            None => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty() && !host.contains('/')).then(|| Self { host: host.to_owned(), port })
    }
}

/// kubeadm takes an empty text for a missing one.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_token(text: &str) -> bool {
    halves(text).is_some()
}

fn is_subnet(text: &str) -> bool {
    let Some((base, bits)) = text.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u8>()) else { return false };
    bits <= if base.is_ipv4() { 32 } else { 128 }
}
