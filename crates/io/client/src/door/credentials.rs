//! How the API server shows itself to node agents, and knows them.

use crate::certificate::{Certificate, CertificateError, authorities};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::sync::Arc;

/// The cluster's authority, and the client certificate `apiserver-kubelet-client`.
pub struct AgentCredentials {
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    certificate: Arc<Certificate>,
}

impl AgentCredentials {
    /// `ca`: PEM of who signs the agents' certificates. `certificate` may be replaced at any time.
    ///
    /// # Errors
    /// If the authority cannot be read.
    pub fn new(ca: &str, certificate: Arc<Certificate>) -> Result<Self, CertificateError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = Arc::new(authorities(ca)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        let verifier = verifier.map_err(|error| CertificateError::authority(&error))?;
        Ok(Self { provider, verifier, certificate })
    }

    /// For connections to the agent of this node: its certificate must be for the address dialled, or the node's name.
    pub(super) fn config(&self, node: &str) -> Arc<ClientConfig> {
        let name = ServerName::try_from(node.to_owned()).ok();
        let verifier = Arc::new(AgentVerifier { inner: Arc::clone(&self.verifier), name });
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider));
        // The provider has the default versions: it is ours.
        let builder = builder.with_safe_default_protocol_versions().unwrap_or_else(|error| unreachable!("{error}"));
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_client_cert_resolver(Arc::clone(&self.certificate) as Arc<_>);
        // A resumed session would go on with certificates that have been replaced since.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }
}

/// Verifies as always, for a second name too. A node's addresses may change before its certificate does.
#[derive(Debug)]
struct AgentVerifier {
    inner: Arc<WebPkiServerVerifier>,
    name: Option<ServerName<'static>>,
}

impl ServerCertVerifier for AgentVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        address: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify = |name: &ServerName<'_>| self.inner.verify_server_cert(certificate, chain, name, ocsp, now);
        match (verify(address), &self.name) {
            (Err(first), Some(name)) => verify(name).map_err(|_| first),
            (verified, _) => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
