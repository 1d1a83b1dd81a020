//! TLS with clients: the certificate in the data folder, or a fresh one where there is none.
//!
//! Files are named as ProxySQL names them: `proxysql-ca.pem`, `proxysql-cert.pem`, `proxysql-key.pem`.

use super::stream::Stream;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

const CA: &str = "proxysql-ca.pem";
const CERTIFICATE: &str = "proxysql-cert.pem";
const KEY: &str = "proxysql-key.pem";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is no PEM file of what it is named for: {reason}")]
    Pem { path: PathBuf, reason: String },
    #[error("a certificate could not be made: {0}")]
    Generate(#[from] rcgen::Error),
    #[error("{CERTIFICATE} and {KEY} do not go together: {0}")]
    Pair(#[from] rustls::Error),
}

pub struct Acceptor {
    acceptor: TlsAcceptor,
}

impl Acceptor {
    /// Reads certificate and key from `folder`; where both are missing they are made first, with their own authority.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(folder: &Path) -> Result<Self, TlsError> {
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        if !certificate.exists() && !key.exists() {
            generate(folder)?;
        }
        let chain = CertificateDer::pem_slice_iter(&read(&certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TlsError::Pem { path: certificate, reason: error.to_string() })?;
        let key = PrivateKeyDer::from_pem_slice(&read(&key)?)
            .map_err(|error| TlsError::Pem { path: key, reason: error.to_string() })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// # Errors
    /// The stream's, or what TLS finds wrong with the client.
    pub async fn accept(&self, stream: Stream) -> io::Result<tokio_rustls::server::TlsStream<Stream>> {
        self.acceptor.accept(stream).await
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// Ten years: clients of MySQL do not look at it unless they are told to, and then a file like these is pinned.
fn generate(folder: &Path) -> Result<(), TlsError> {
    let ca_key = KeyPair::generate()?;
    let mut ca = parameters("Barque SQL proxy CA", Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key)?;
    let key = KeyPair::generate()?;
    let certificate =
        parameters("Barque SQL proxy", vec!["localhost".to_owned()])?.signed_by(&key, &Issuer::new(ca, ca_key))?;
    write(&folder.join(CA), &ca_certificate.pem())?;
    write(&folder.join(KEY), &key.serialize_pem())?;
    write(&folder.join(CERTIFICATE), &certificate.pem())
}

fn parameters(name: &str, hosts: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    /// Whole years, and the one before this: machines' clocks differ.
    const YEARS: i32 = 10;
    let mut parameters = CertificateParams::new(hosts)?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    let today = jiff::Zoned::now();
    let year = i32::from(today.year());
    parameters.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year + YEARS, 1, 1);
    Ok(parameters)
}

/// Nobody else's to read.
fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    stdx::atomic_file::write_atomically(path, text.as_bytes(), 0o600)
        .map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_missing_certificate_is_made_once() {
        let folder = std::env::temp_dir().join(format!("barque-sql-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Acceptor::load(&folder).expect("it is made");
        let first = std::fs::read(folder.join(KEY)).unwrap();
        assert_eq!(std::fs::metadata(folder.join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
        Acceptor::load(&folder).expect("it is read again");
        assert_eq!(std::fs::read(folder.join(KEY)).unwrap(), first);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
