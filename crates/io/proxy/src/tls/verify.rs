//! Verifying the other side's certificate, and OpenSSL's numbers for what is wrong with it.

use super::certificate;
use super::trust::Trust;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;

/// A server's certificate, as `server ... verify` wants it.
#[derive(Debug, Clone)]
pub struct ServerVerifier {
    provider: Arc<CryptoProvider>,
    /// Absent: `verify none`.
    chain: Option<(Arc<WebPkiServerVerifier>, Trust)>,
    /// `verifyhost`: the name, whatever was sent.
    host: Option<String>,
    /// A name was sent, so without `verifyhost` it is the one to find.
    by_sni: bool,
}

impl ServerVerifier {
    /// # Errors
    /// The revocation lists cannot be used.
    pub fn new(
        provider: Arc<CryptoProvider>,
        trust: Option<Trust>,
        crls: Vec<CertificateRevocationListDer<'static>>,
        host: Option<String>,
        by_sni: bool,
    ) -> Result<Self, String> {
        let chain = match trust {
            Some(trust) => {
                let builder = WebPkiServerVerifier::builder_with_provider(trust.roots.clone(), provider.clone());
                let verifier = builder.with_crls(crls).enforce_revocation_expiration().build();
                Some((verifier.map_err(|error| error.to_string())?, trust))
            }
            None => None,
        };
        Ok(Self { provider, chain, host, by_sni })
    }

    /// For a connection whose `sni` is no name that can be sent: without `verifyhost` it is the text to find.
    pub fn expecting(&self, text: &str) -> Self {
        let mut verifier = self.clone();
        verifier.host.get_or_insert_with(|| text.to_owned());
        verifier
    }

    fn verify_name(&self, certificate: &CertificateDer<'_>, sent: &ServerName<'_>) -> Result<(), Error> {
        let host = match (&self.host, sent) {
            (Some(host), _) => host.as_str(),
            (None, ServerName::DnsName(name)) if self.by_sni => name.as_ref(),
            _ => return Ok(()),
        };
        let covered = certificate::hosts(certificate).iter().any(|pattern| covers(pattern, host));
        if covered { Ok(()) } else { Err(CertificateError::NotValidForName.into()) }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some((verifier, trust)) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp, now) {
            Ok(_) => {}
            // The last thing it looks at; names are ours to compare.
            Err(Error::InvalidCertificate(error)) if is_of_name(&error) => {}
            Err(Error::InvalidCertificate(error)) if is_of_revocation(&error) => return Err(error.into()),
            Err(_) if trust.certificates.iter().any(|trusted| trusted == end_entity) && is_current(end_entity, now) => {
            }
            Err(error) => return Err(error),
        }
        self.verify_name(end_entity, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn is_of_name(error: &CertificateError) -> bool {
    matches!(error, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })
}

fn is_of_revocation(error: &CertificateError) -> bool {
    use CertificateError::{ExpiredRevocationList, ExpiredRevocationListContext, Revoked, UnknownRevocationStatus};
    matches!(error, Revoked | UnknownRevocationStatus | ExpiredRevocationList | ExpiredRevocationListContext { .. })
}

fn is_current(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};
    let Ok(now) =
        i64::try_from(now.as_secs()).map_err(drop).and_then(|now| ASN1Time::from_timestamp(now).map_err(drop))
    else {
        return false;
    };
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.validity().is_valid_at(now))
}

/// Whether a certificate's name is for a host: the same, or `*` for its first label.
fn covers(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let rest = pattern.strip_prefix('*').filter(|rest| rest.starts_with('.') && rest.len() > 1);
    let host = host.find('.').map(|dot| &host[dot..]);
    rest.zip(host).is_some_and(|(rest, host)| rest.eq_ignore_ascii_case(host))
}

/// Lets certificates pass that have only faults that `crt-ignore-err` or `ca-ignore-err` names.
#[derive(Debug)]
pub struct Lenient {
    pub inner: Arc<dyn ClientCertVerifier>,
    /// OpenSSL's numbers; absent: `all`.
    pub ignored: Option<Vec<i64>>,
}

impl ClientCertVerifier for Lenient {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.inner.verify_client_cert(end_entity, intermediates, now) {
            Err(error) if self.ignored.as_ref().is_none_or(|ignored| ignored.contains(&number(&error))) => {
                Ok(ClientCertVerified::assertion())
            }
            result => result,
        }
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }

    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }
}

/// OpenSSL's number of a verification error (`X509_V_ERR_*`), as `ssl_c_err` shows it.
pub fn number(error: &Error) -> i64 {
    let Error::InvalidCertificate(error) = error else { return 1 };
    match error {
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => 9,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => 10,
        CertificateError::UnknownRevocationStatus => 3,
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => 12,
        CertificateError::UnknownIssuer => 20,
        CertificateError::BadSignature => 7,
        CertificateError::Revoked => 23,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => 26,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => 62,
        CertificateError::UnhandledCriticalExtension => 34,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn names() {
        assert!(covers("a.example.org", "A.example.org"));
        assert!(covers("*.example.org", "b.example.org"));
        assert!(!covers("*.example.org", "b.a.example.org"));
        assert!(!covers("*.example.org", "example.org"));
        assert!(!covers("*.", "x."));
        assert!(!covers("*", "x"));
    }
}
