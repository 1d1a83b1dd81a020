//! The certificates an authority signs for one purpose each: one year, signed anew in good time.
//!
//! Upstream: `cmd/kubeadm/app/phases/certs/certlist.go`, `phases/kubeconfig`.

use super::authority::Authority;
use super::{Pair, PkiError};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use stdx::Timestamp;

/// Upstream: `CertificateValidityPeriod`, 1 year.
pub const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// Clocks of other machines may be behind ours by this much; of a certificate that lives shortly, by a tenth of its life.
const BACKDATED: Duration = Duration::from_secs(300);
const SERVER_NAMES: [&str; 4] = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];

/// The names this machine is reached by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The Node object's name.
    pub node: String,
    pub hostname: String,
    pub addresses: Vec<IpAddr>,
    /// The `kubernetes` Service's address: the first of the Service range.
    pub service_address: IpAddr,
    /// `cluster.local`
    pub cluster_domain: String,
    /// Further DNS names or addresses of the API server.
    pub extra: Vec<String>,
    /// What is signed for it lives so long, if the authority does; usually [`LIFETIME`].
    pub lifetime: Duration,
}

/// What is signed and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaf {
    /// The API server's serving certificate.
    ApiServer,
    /// The API server towards node agents of other machines.
    ApiServerKubeletClient,
    /// The API server towards aggregated API servers, by the front-proxy authority.
    FrontProxyClient,
    /// The administrator: `kubernetes-admin` of system:masters.
    Admin,
    /// The node agent: `system:node:<name>` of system:nodes; also what it serves with.
    Kubelet,
}

/// A certificate to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub common_name: String,
    /// The organization: rcgen writes one.
    pub group: Option<String>,
    /// DNS names and addresses.
    pub names: Vec<String>,
    pub server: bool,
    pub client: bool,
    pub lifetime: Duration,
}

impl Leaf {
    pub const ALL: [Self; 5] =
        [Self::ApiServer, Self::ApiServerKubeletClient, Self::FrontProxyClient, Self::Admin, Self::Kubelet];

    /// Without `.crt` and `.key`.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::ApiServer => "apiserver",
            Self::ApiServerKubeletClient => "apiserver-kubelet-client",
            Self::FrontProxyClient => "front-proxy-client",
            Self::Admin => "admin",
            Self::Kubelet => "kubelet",
        }
    }

    pub(super) fn wanted(self, names: &Names) -> Wanted {
        let wanted = match self {
            Self::ApiServer => Wanted {
                common_name: "kube-apiserver".to_owned(),
                group: None,
                names: server_names(names),
                server: true,
                client: false,
                lifetime: names.lifetime,
            },
            Self::ApiServerKubeletClient => client("kube-apiserver-kubelet-client", Some("kubeadm:cluster-admins")),
            Self::FrontProxyClient => client("front-proxy-client", None),
            Self::Admin => client("kubernetes-admin", Some("system:masters")),
            Self::Kubelet => {
                let addresses = names.addresses.iter().map(IpAddr::to_string);
                let names_of_node = [names.node.clone(), names.hostname.clone()].into_iter().chain(addresses);
                Wanted {
                    names: unique(names_of_node.collect()),
                    server: true,
                    ..client(&format!("system:node:{}", names.node), Some("system:nodes"))
                }
            }
        };
        Wanted { lifetime: names.lifetime, ..wanted }
    }
}

pub(super) fn client(user: &str, group: Option<&str>) -> Wanted {
    Wanted {
        common_name: user.to_owned(),
        group: group.map(str::to_owned),
        names: Vec::new(),
        server: false,
        client: true,
        lifetime: LIFETIME,
    }
}

fn server_names(names: &Names) -> Vec<String> {
    let mut all: Vec<String> = SERVER_NAMES.iter().map(|&name| name.to_owned()).collect();
    all.push(format!("kubernetes.default.svc.{}", names.cluster_domain));
    all.push(names.node.clone());
    all.push(names.hostname.clone());
    all.push(IpAddr::V4(Ipv4Addr::LOCALHOST).to_string());
    all.push(names.service_address.to_string());
    all.extend(names.addresses.iter().map(IpAddr::to_string));
    all.extend(names.extra.iter().cloned());
    unique(all)
}

pub(super) fn unique(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

impl Wanted {
    /// A fresh key and a certificate for it.
    pub fn sign(&self, authority: &Authority, now: Timestamp) -> Result<Pair, PkiError> {
        let key = KeyPair::generate()?;
        let certificate = self.params(authority, now)?.signed_by(&key, &authority.issuer)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    fn params(&self, authority: &Authority, now: Timestamp) -> Result<CertificateParams, PkiError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if let Some(group) = &self.group {
            params.distinguished_name.push(DnType::OrganizationName, group.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        for name in &self.names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        // No certificate outlives its authority.
        set_validity(&mut params, now, (now + self.lifetime).min(authority.facts.not_after));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        let usages =
            [(self.server, ExtendedKeyUsagePurpose::ServerAuth), (self.client, ExtendedKeyUsagePurpose::ClientAuth)];
        params.extended_key_usages = usages.into_iter().filter(|(used, _)| *used).map(|(_, usage)| usage).collect();
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}

/// From shortly before `now` until `until`, in whole seconds.
pub(super) fn set_validity(params: &mut CertificateParams, now: Timestamp, until: Timestamp) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let backdated = BACKDATED.min(until.since(now) / 10);
    params.not_before = epoch + Duration::from_secs(now.0.saturating_sub(backdated).as_secs());
    params.not_after = epoch + Duration::from_secs(until.0.as_secs());
}
