//! Certificates, by the store of those in use.

use super::View;
use crate::tls::Loaded;
use balance::cli::{CertificateFacts, Certificates, Kept, fingerprint};
use std::path::Path;
use std::sync::Arc;

/// Why authorities stay as they are.
const FIXED: &str = "CA files cannot be changed at run time; replace the file and reload.";

impl Certificates for View {
    fn certificate_files(&self, kept: Kept) -> Vec<(String, bool)> {
        let tls = self.engine.running().tls.clone();
        match kept {
            Kept::Certificate => {
                tls.store.paths().into_iter().map(|path| (path.to_string_lossy().into_owned(), true)).collect()
            }
            Kept::Authorities => vec![],
        }
    }

    fn certificates(&self, kept: Kept, file: &str, pending: bool) -> Option<Vec<CertificateFacts>> {
        if kept == Kept::Authorities {
            return None;
        }
        let store = &self.engine.running().tls.store;
        let loaded = if pending { store.pending(Path::new(file)) } else { store.loaded(Path::new(file)) };
        Some(vec![facts(&loaded?)])
    }

    fn transaction(&self, kept: Kept) -> Option<String> {
        let store = &self.engine.running().tls.store;
        let pending = || store.paths().into_iter().find(|path| store.pending(path).is_some());
        (kept == Kept::Certificate).then(pending)?.map(|path| path.to_string_lossy().into_owned())
    }

    fn set_certificate(&self, kept: Kept, file: &str, pem: &str) -> Result<String, String> {
        if kept == Kept::Authorities {
            return Err(FIXED.into());
        }
        let replaced = self.engine.running().tls.store.set(Path::new(file), pem.as_bytes())?;
        let word = if replaced { "updated" } else { "created" };
        Ok(format!("Transaction {word} for certificate {file}!"))
    }

    fn commit_certificate(&self, kept: Kept, file: &str) -> Result<String, String> {
        match kept {
            Kept::Certificate => self.engine.running().tls.store.commit(Path::new(file)).map(|()| String::new()),
            Kept::Authorities => Err(FIXED.into()),
        }
    }

    fn abort_certificate(&self, kept: Kept, file: &str) -> Result<String, String> {
        match kept {
            Kept::Certificate => {
                let aborted = self.engine.running().tls.store.abort(Path::new(file));
                aborted.map(|()| format!("Transaction aborted for certificate '{file}'!"))
            }
            Kept::Authorities => Err(FIXED.into()),
        }
    }

    fn new_certificate(&self, _kept: Kept, _file: &str) -> Result<String, String> {
        Err("Files cannot be added at run time; add them to the configuration and reload.".into())
    }

    fn delete_certificate(&self, kept: Kept, file: &str) -> Result<String, String> {
        let used = self.certificate_files(kept).iter().any(|(known, _)| known == file);
        Err(match kept {
            Kept::Certificate if used => {
                format!("Can't remove the certificate: certificate '{file}' in use, can't be deleted!")
            }
            Kept::Certificate => format!("Can't remove the certificate: certificate '{file}' doesn't exist!"),
            Kept::Authorities => format!("Can't remove the CA file: CA file '{file}' doesn't exist!"),
        })
    }
}

fn facts(loaded: &Arc<Loaded>) -> CertificateFacts {
    let certificate = &loaded.certificate;
    let dn = |names: &[(String, String)]| names.iter().map(|(name, value)| format!("/{name}={value}")).collect();
    CertificateFacts {
        serial: certificate.serial.iter().map(|byte| format!("{byte:02X}")).collect(),
        not_before: date(&certificate.not_before),
        not_after: date(&certificate.not_after),
        names: loaded.names.iter().map(|name| format!("DNS:{name}")).collect::<Vec<_>>().join(", "),
        algorithm: loaded.certificate.key_kind.clone(),
        fingerprint: fingerprint(&certificate.der),
        subject: dn(&certificate.subject),
        issuer: dn(&certificate.issuer),
        chain: vec![],
    }
}

/// `261127234501Z` as `Nov 27 23:45:01 2026 GMT`.
fn date(text: &str) -> String {
    let parsed = jiff::fmt::strtime::parse("%y%m%d%H%M%SZ", text).and_then(|parts| parts.to_datetime());
    parsed.map_or_else(|_| text.to_owned(), |time| time.strftime("%b %e %H:%M:%S %Y GMT").to_string())
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_openssl_s() {
        assert_eq!(date("261127234501Z"), "Nov 27 23:45:01 2026 GMT");
        assert_eq!(date("360101000000Z"), "Jan  1 00:00:00 2036 GMT");
    }
}
