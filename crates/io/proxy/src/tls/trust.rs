//! Authorities that peers' certificates must come from, and lists of revoked ones.

use super::pem;
use balance::config::Files;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where Debian and most others keep the system's authorities in one file.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Who is trusted.
#[derive(Debug, Clone)]
pub struct Trust {
    pub roots: Arc<RootCertStore>,
    /// The same as they came: a certificate that is itself among them is trusted, too, as OpenSSL does.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

/// Reads `ca-file`: a file, a folder of them, or `@system-ca`.
///
/// # Errors
/// HAProxy's text: `Couldn't open the ca-file '...' (...).`
pub fn load(path: &Path, files: &dyn Files) -> Result<Trust, String> {
    let path = if path.as_os_str() == "@system-ca" { Path::new(SYSTEM) } else { path };
    let wrong = |reason: String| format!("Couldn't open the ca-file '{}' ({reason}).", path.display());
    let paths: Vec<PathBuf> =
        if files.is_folder(path) { files.list(path).map_err(wrong)? } else { vec![path.to_owned()] };
    let mut certificates = vec![];
    for file in &paths {
        match files.read(file).and_then(|text| pem::certificates(&text)) {
            Ok(found) => certificates.extend(found),
            // A folder of authorities holds other files, too.
            Err(_) if paths.len() > 1 => {}
            Err(reason) => return Err(wrong(reason)),
        }
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(wrong("no certificate or crl found".to_owned()));
    }
    Ok(Trust { roots: Arc::new(roots), certificates: certificates.into() })
}

/// Reads `crl-file`.
///
/// # Errors
/// As of [`load`].
pub fn crls(path: &Path, files: &dyn Files) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let wrong = |reason: String| format!("Couldn't open the ca-file '{}' ({reason}).", path.display());
    let text = files.read(path).map_err(wrong)?;
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
    if lists.is_empty() { Err(wrong("no certificate or crl found".to_owned())) } else { Ok(lists) }
}
