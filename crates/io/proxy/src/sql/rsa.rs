//! RSA for passwords outside of TLS, as `caching_sha2_password` and `sha256_password` have it: OAEP with SHA-1.
//!
//! The proxy's own key for clients is made when the first of them asks, which takes some tenths of a second, and kept in
//! the data folder.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::sync::OnceCell;

const FILE: &str = "proxysql-rsa-key.pem";

/// The proxy's own key, or none yet.
#[derive(Default)]
pub struct OwnKey {
    folder: OnceLock<PathBuf>,
    key: OnceCell<Arc<Key>>,
}

pub struct Key {
    private: OaepPrivateDecryptingKey,
    /// As clients are told it.
    pub public_pem: String,
}

impl OwnKey {
    /// Where it is kept; without, it lives as long as the process.
    pub fn keep_in(&self, folder: &Path) {
        // The first one stays: there is one data folder.
        _ = self.folder.set(folder.to_owned());
    }

    /// # Errors
    /// What is wrong with its file.
    pub async fn get(&self) -> Result<Arc<Key>, String> {
        let folder = self.folder.get().cloned();
        let make = || async {
            let made = tokio::task::spawn_blocking(move || load(folder.as_deref())).await;
            made.map_err(|error| error.to_string())?.map(Arc::new)
        };
        self.key.get_or_try_init(make).await.cloned()
    }
}

impl Key {
    /// `None`: it was not encrypted for this key.
    pub fn decrypt(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![0; self.private.min_output_size()];
        let plain = self.private.decrypt(&OAEP_SHA1_MGF1SHA1, bytes, &mut out, None).ok()?;
        Some(plain.to_vec())
    }
}

fn load(folder: Option<&Path>) -> Result<Key, String> {
    let path = folder.map(|folder| folder.join(FILE));
    let named =
        |error: &dyn std::fmt::Display| format!("{}: {error}", path.as_deref().unwrap_or(Path::new(FILE)).display());
    let private = match path.as_deref().filter(|path| path.exists()) {
        Some(path) => {
            let der = PrivatePkcs8KeyDer::from_pem_file(path).map_err(|error| named(&error))?;
            PrivateDecryptingKey::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| named(&error))?
        }
        None => {
            let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|error| named(&error))?;
            if let Some(path) = &path {
                let der: Pkcs8V1Der = key.as_der().map_err(|error| named(&error))?;
                // Nobody else's to read.
                stdx::atomic_file::write_atomically(path, pem("PRIVATE KEY", der.as_ref()).as_bytes(), 0o600)
                    .map_err(|error| named(&error))?;
            }
            key
        }
    };
    let public: PublicKeyX509Der = private.public_key().as_der().map_err(|error| named(&error))?;
    let public_pem = pem("PUBLIC KEY", public.as_ref());
    let private = OaepPrivateDecryptingKey::new(private).map_err(|error| named(&error))?;
    Ok(Key { private, public_pem })
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    const LINE: usize = 64;
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push('\n');
        rest = others;
    }
    out + &format!("-----END {label}-----\n")
}

/// For a server's key, which it has sent as PEM.
///
/// # Errors
/// What is wrong with the key.
pub fn encrypt(public_pem: &[u8], bytes: &[u8]) -> Result<Vec<u8>, String> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(public_pem).map_err(|error| error.to_string())?;
    let key = PublicEncryptingKey::from_der(der.as_ref()).map_err(|error| error.to_string())?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|error| error.to_string())?;
    let mut out = vec![0; key.ciphertext_size()];
    let sealed = key.encrypt(&OAEP_SHA1_MGF1SHA1, bytes, &mut out, None).map_err(|_| "the password is too long")?;
    Ok(sealed.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn made_once_kept_and_of_use() {
        let folder = std::env::temp_dir().join(format!("barque-sql-rsa-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let first = load(Some(&folder)).unwrap();
        let again = load(Some(&folder)).unwrap();
        assert_eq!(first.public_pem, again.public_pem);
        assert_eq!(std::fs::metadata(folder.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = encrypt(first.public_pem.as_bytes(), b"secret").unwrap();
        assert_eq!(again.decrypt(&sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(again.decrypt(&sealed[1..]), None);
        assert!(encrypt(b"no key", b"secret").is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
