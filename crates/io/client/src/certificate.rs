//! Who we are towards the other end of a TLS connection: a certificate and its key, replaceable while connections run.

use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, PoisonError, RwLock};

/// Why a certificate, a key or an authority cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the {what} cannot be used: {why}")]
pub struct CertificateError {
    what: &'static str,
    why: String,
}

impl CertificateError {
    /// For a verifier that does not take the authority.
    pub fn authority(error: &impl std::fmt::Display) -> Self {
        Self { what: "certificate authority", why: error.to_string() }
    }
}

/// Shown by servers and clients alike. What [`Self::replace`] sets counts for connections made from then on.
#[derive(Debug)]
pub struct Certificate(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    /// Of a certificate (with its chain, if it has one) and its private key, both PEM.
    ///
    /// # Errors
    /// If one cannot be read, or they do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Arc<Self>, CertificateError> {
        Ok(Arc::new(Self(RwLock::new(certified(certificate, key)?))))
    }

    /// # Errors
    /// As [`Self::from_pem`]; the former pair then stays.
    pub fn replace(&self, certificate: &str, key: &str) -> Result<(), CertificateError> {
        let pair = certified(certificate, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(())
    }

    fn now(&self) -> Arc<CertifiedKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl ResolvesClientCert for Certificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The authorities of a PEM text.
///
/// # Errors
/// If there is none, or one cannot be read.
pub fn authorities(pem: &str) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| CertificateError::authority(&error))?;
        roots.add(certificate).map_err(|error| CertificateError::authority(&error))?;
    }
    if roots.is_empty() { Err(CertificateError::authority(&"there is no PEM certificate in it")) } else { Ok(roots) }
}

fn certified(certificate: &str, key: &str) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.map_err(|error| CertificateError { what: "certificate", why: error.to_string() })?;
    let wrong = |why: String| CertificateError { what: "certificate's key", why };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(pair))
}
