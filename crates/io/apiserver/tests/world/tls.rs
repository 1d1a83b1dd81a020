//! A throw-away PKI: one CA, the server's certificate, an administrator's certificate, and a kubeconfig of them.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;

pub struct Pki {
    ca: CertifiedIssuer<'static, KeyPair>,
    pub server: Arc<rustls::ServerConfig>,
    pub ca_pem: String,
    pub admin_cert: String,
    pub admin_key: String,
}

pub fn pki() -> Pki {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let (server_cert, server_key) = leaf(&ca, "kube-apiserver", "", ExtendedKeyUsagePurpose::ServerAuth);
    let (admin_cert, admin_key) = leaf(&ca, "admin", "system:masters", ExtendedKeyUsagePurpose::ClientAuth);
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let chain = vec![CertificateDer::from_pem_slice(server_cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(server_key.as_bytes()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Pki { server: Arc::new(config), ca_pem: ca.pem(), admin_cert, admin_key, ca }
}

fn leaf(
    ca: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    group: &str,
    usage: ExtendedKeyUsagePurpose,
) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.extended_key_usages = vec![usage];
    (params.signed_by(&key, ca).unwrap().pem(), key.serialize_pem())
}

impl Pki {
    /// A client's certificate and key.
    pub fn client(&self, name: &str, group: &str) -> (String, String) {
        leaf(&self.ca, name, group, ExtendedKeyUsagePurpose::ClientAuth)
    }

    pub fn ca_der(&self) -> &[u8] {
        self.ca.der()
    }

    /// A kubeconfig of the administrator for a server on this port.
    pub fn kubeconfig(&self, port: u16) -> String {
        use base64::Engine;
        let encoded = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority-data: {}}}}}]\n\
             users: [{{name: test, user: {{client-certificate-data: {}, client-key-data: {}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n",
            encoded(&self.ca_pem),
            encoded(&self.admin_cert),
            encoded(&self.admin_key)
        )
    }
}
