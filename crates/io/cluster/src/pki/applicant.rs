//! The other side of signing requests: a machine without the authority's key asks for its certificate.

use super::{Pair, PkiError};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use std::path::Path;
use stdx::{Timestamp, write_atomically};

/// A fresh key, and the request for its certificate, both PEM.
#[derive(Debug, Clone)]
pub struct Application {
    pub key: String,
    /// PKCS#10.
    pub request: String,
}

impl Application {
    /// For a node's certificates: `system:node:<name>` of system:nodes. `names`: DNS names and addresses of a serving one.
    ///
    /// # Errors
    /// If a name cannot stand in a certificate.
    pub fn of_node(node: &str, names: &[String]) -> Result<Self, PkiError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, format!("system:node:{node}"));
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        let request = params.serialize_request(&key)?.pem()?;
        Ok(Self { key: key.serialize_pem(), request })
    }

    /// With the certificate that was signed for it.
    pub fn granted(self, certificate: String) -> Pair {
        Pair { certificate, key: self.key }
    }
}

impl Pair {
    /// `<name>.crt` and `<name>.key` of a folder; None where one is missing.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn load(folder: &Path, name: &str) -> Result<Option<Self>, PkiError> {
        super::Files::open(folder)?.pair(name)
    }

    /// Writes both, the key for root only.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn save(&self, folder: &Path, name: &str) -> Result<(), PkiError> {
        super::Files::open(folder)?.write_pair(name, self)
    }

    /// Whether its end has come; not, if it cannot be read.
    pub fn expired_at(&self, now: Timestamp) -> bool {
        super::Facts::read(&self.certificate).is_ok_and(|facts| facts.not_after <= now)
    }

    /// Whether it is for this address, too.
    pub fn names(&self, address: std::net::IpAddr) -> bool {
        super::Facts::read(&self.certificate).is_ok_and(|facts| facts.names.contains(&address.to_string()))
    }

    /// When it should be replaced; at once if it cannot be read.
    pub fn renewal_due_at(&self) -> Timestamp {
        super::Facts::read(&self.certificate)
            .map_or_else(|_| Timestamp::default(), |facts| super::renewal_due(facts.not_before, facts.not_after))
    }
}

/// Writes the authority's certificate alone: what a machine trusts that signs nothing.
///
/// # Errors
/// If it cannot be written.
pub fn save_authority(folder: &Path, pem: &str) -> Result<(), PkiError> {
    super::Files::open(folder)?;
    let path = folder.join("ca.crt");
    write_atomically(&path, pem.as_bytes(), 0o644).map_err(|source| PkiError::File { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::RequestSigner;
    use crate::{Names, Pki};
    use std::time::Duration;

    #[test]
    fn a_node_gets_what_it_asked_for() {
        let folder = std::env::temp_dir().join(format!("applicant-{}", std::process::id()));
        let now = Timestamp::from_secs(1_800_000_000);
        let names = Names {
            node: "m1".to_owned(),
            hostname: "m1".to_owned(),
            addresses: vec![],
            service_address: "10.96.0.1".parse().unwrap(),
            cluster_domain: "cluster.local".to_owned(),
            extra: vec![],
            lifetime: crate::pki::LIFETIME,
        };
        let signer: RequestSigner = Pki::load_or_create(&folder, names, now).unwrap().request_signer();
        let own = ["w1".to_owned(), "10.0.42.4".to_owned()];
        let application = Application::of_node("w1", &own).unwrap();
        let certificate = signer.sign(&application.request, false, true, Duration::from_secs(3600), now).unwrap();
        let pair = application.granted(certificate);
        pair.save(&folder, "kubelet-server").unwrap();
        assert_eq!(Pair::load(&folder, "kubelet-server").unwrap(), Some(pair.clone()));
        let facts = crate::pki::Facts::read(&pair.certificate).unwrap();
        assert_eq!((facts.common_name.as_str(), facts.groups), ("system:node:w1", vec!["system:nodes".to_owned()]));
        assert_eq!(facts.names, ["10.0.42.4", "w1"]);
        assert!(pair.renewal_due_at() > now && pair.renewal_due_at() < now + Duration::from_secs(3600));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
