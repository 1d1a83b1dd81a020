//! An authority and what it signs.

use client::Certificate;
use client::door::AgentCredentials;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Certificate and key, PEM.
pub type Pair = (String, String);

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::from_ca_cert_pem(&pem, key).unwrap();
        Self { pem, issuer }
    }

    pub fn sign(&self, user: &str, group: &str, names: &[&str]) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// The API server's.
    pub fn administrator(&self) -> Pair {
        self.sign("kube-apiserver-kubelet-client", "kubeadm:cluster-admins", &[])
    }

    pub fn agent(&self, names: &[&str]) -> Pair {
        self.sign("system:node:w1", "system:nodes", names)
    }

    pub fn credentials(&self, (certificate, key): Pair) -> AgentCredentials {
        AgentCredentials::new(&self.pem, Certificate::from_pem(&certificate, &key).unwrap()).unwrap()
    }
}
