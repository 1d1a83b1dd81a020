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
#[error("{what} cannot be used: {why}; it must be PEM as the cluster's authority signs it")]
pub struct IdentityError {
    what: &'static str,
    why: String,
}

impl IdentityError {
    /// For a verifier that does not take the authority.
    pub fn authority(error: &impl std::fmt::Display) -> Self {
        Self { what: "the authority's certificate", why: error.to_string() }
    }
}

/// Shown by servers and clients alike. What [`Self::replace`] sets counts for connections made from then on.
#[derive(Debug)]
pub struct Identity(RwLock<Arc<CertifiedKey>>);

impl Identity {
    /// Of a certificate (with its chain, if it has one) and its private key, both PEM.
    ///
    /// # Errors
    /// If one cannot be read, or they do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Arc<Self>, IdentityError> {
        Ok(Arc::new(Self(RwLock::new(certified(certificate, key)?))))
    }

    /// # Errors
    /// As [`Self::from_pem`]; the former pair then stays.
    pub fn replace(&self, certificate: &str, key: &str) -> Result<(), IdentityError> {
        let pair = certified(certificate, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(())
    }

    fn now(&self) -> Arc<CertifiedKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl ResolvesClientCert for Identity {
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
pub fn authorities(pem: &str) -> Result<RootCertStore, IdentityError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| IdentityError::authority(&error))?;
        roots.add(certificate).map_err(|error| IdentityError::authority(&error))?;
    }
    if roots.is_empty() { Err(IdentityError::authority(&"it is empty")) } else { Ok(roots) }
}

fn certified(certificate: &str, key: &str) -> Result<Arc<CertifiedKey>, IdentityError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.map_err(|error| IdentityError { what: "the certificate", why: error.to_string() })?;
    let wrong = |why: String| IdentityError { what: "the private key", why };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(pair))
}
