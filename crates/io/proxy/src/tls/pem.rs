//! A certificate's file: the chain, and the key in it or beside it.

use super::certificate;
use balance::config::Files;
use balance::sample::context::Certificate;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

/// A certificate that can be used.
#[derive(Debug)]
pub struct Loaded {
    pub key: Arc<CertifiedKey>,
    /// Names it is for, where a crt-list does not say otherwise.
    pub names: Vec<String>,
    pub certificate: Arc<Certificate>,
}

/// Reads a file and, if it has no key, the one of the same name with `.key` added.
///
/// # Errors
/// HAProxy's text, without the place.
pub fn load(path: &Path, files: &dyn Files, provider: &CryptoProvider) -> Result<Loaded, String> {
    let shown = path.display();
    let text =
        files.read(path).map_err(|error| format!("unable to stat SSL certificate from file '{shown}' : {error}."))?;
    let mut beside = OsString::from(path);
    beside.push(".key");
    match parse(&text, None, provider) {
        Err(Wrong::NoKey) => match files.read(Path::new(&beside)) {
            Ok(key) => parse(&text, Some(&key), provider),
            Err(_) => Err(Wrong::NoKey),
        },
        result => result,
    }
    .map_err(|wrong| wrong.text(path))
}

/// Reads what a client of the statistics socket sent as a new content of a file.
///
/// # Errors
/// HAProxy's text.
pub fn from_bytes(
    path: &Path,
    text: &[u8],
    old: &Arc<dyn SigningKey>,
    provider: &CryptoProvider,
) -> Result<Loaded, String> {
    match parse(text, None, provider) {
        Err(Wrong::NoKey) => with_key(chain(text), |chain| {
            let key = CertifiedKey::new(chain, old.clone());
            key.keys_match().map(|()| key)
        }),
        result => result,
    }
    .map_err(|wrong| wrong.text(path))
}

enum Wrong {
    NoCertificate,
    NoKey,
    Mismatch,
    Key(rustls::Error),
}

impl Wrong {
    fn text(self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::NoCertificate => format!("unable to load certificate from file '{path}'."),
            Self::NoKey => format!("No Private Key found in '{path}.key'."),
            Self::Mismatch => format!("inconsistencies between private key and certificate loaded '{path}'."),
            Self::Key(error) => format!("unable to load private key from file '{path}': {error}."),
        }
    }
}

fn chain(text: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(text).map_while(Result::ok).collect()
}

fn parse(text: &[u8], key: Option<&[u8]>, provider: &CryptoProvider) -> Result<Loaded, Wrong> {
    let chain = chain(text);
    if chain.is_empty() {
        return Err(Wrong::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key.unwrap_or(text)).map_err(|_| Wrong::NoKey)?;
    with_key(chain, |chain| CertifiedKey::from_der(chain, key, provider))
}

fn with_key(
    chain: Vec<CertificateDer<'static>>,
    join: impl FnOnce(Vec<CertificateDer<'static>>) -> Result<CertifiedKey, rustls::Error>,
) -> Result<Loaded, Wrong> {
    let first = chain.first().ok_or(Wrong::NoCertificate)?;
    let parsed = certificate::parse(first).ok_or(Wrong::NoCertificate)?;
    let names = certificate::hosts(first);
    let key = join(chain).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => Wrong::Mismatch,
        other => Wrong::Key(other),
    })?;
    Ok(Loaded { key: Arc::new(key), names, certificate: Arc::new(parsed) })
}

/// Certificates of one PEM text, such as those of authorities.
///
/// # Errors
/// There is none.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect();
    if all.is_empty() { Err("no certificate or crl found".to_owned()) } else { Ok(all) }
}
