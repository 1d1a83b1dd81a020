//! The keys a joining master needs, encrypted for the way through the API: the Secret `kubeadm-certs`.
//!
//! Upstream: `cmd/kubeadm/app/phases/copycerts`: AES-256-GCM by a key that only the join command names, the nonce in front,
//! so that kubeadm's own parcels can be read.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use stdx::write_atomically;

/// The Secret in `kube-system`.
pub const SECRET: &str = "kubeadm-certs";

const NONCE: usize = 12;

/// Names in the Secret, and files below the folder of the configuration. What a file must not lack is `true`.
const CONTENT: [(&str, &str, bool); 9] = [
    ("ca.crt", "pki/ca.crt", true),
    ("ca.key", "pki/ca.key", true),
    ("front-proxy-ca.crt", "pki/front-proxy-ca.crt", true),
    ("front-proxy-ca.key", "pki/front-proxy-ca.key", true),
    ("sa.key", "pki/sa.key", true),
    ("sa.pub", "pki/sa.pub", true),
    ("etcd-ca.crt", "pki/etcd/ca.crt", false),
    ("etcd-ca.key", "pki/etcd/ca.key", false),
    ("barque-store.key", "store.key", true),
];

#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    #[error("cannot read or write {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("a certificate key has 64 hexadecimal digits; `barque init phase upload-certs` prints a new one")]
    Key,
    #[error("{0} cannot be encrypted")]
    Seal(&'static str),
    #[error(
        "{0} cannot be decrypted: the certificate key is another one. `barque init phase upload-certs` on a master prints \
         a new one"
    )]
    Open(&'static str),
    #[error(
        "the Secret kube-system/kubeadm-certs lacks {0}; `barque init phase upload-certs` on a master writes it anew"
    )]
    Missing(&'static str),
}

/// A key for one parcel: 64 hexadecimal digits.
pub fn new_key() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The Secret's `data`: what lies below `config_dir`, encrypted, in base64.
///
/// # Errors
/// If a file is missing or the key is none.
pub fn pack(config_dir: &Path, key: &str) -> Result<BTreeMap<String, String>, ParcelError> {
    let cipher = cipher(key)?;
    let mut data = BTreeMap::new();
    for (name, file, needed) in CONTENT {
        let path = config_dir.join(file);
        let mut text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if !needed && error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ParcelError::File { path, source }),
        };
        let nonce = cipher.seal_in_place_append_tag(Aad::empty(), &mut text).map_err(|_| ParcelError::Seal(name))?;
        data.insert(name.to_owned(), BASE64.encode([nonce.as_ref().as_slice(), &text].concat()));
    }
    Ok(data)
}

/// Writes the Secret's content below `config_dir`, private keys for root only. Nothing is written if a part is bad.
///
/// # Errors
/// If a part is missing, the key is another one, or a file cannot be written.
pub fn unpack(data: &BTreeMap<String, String>, key: &str, config_dir: &Path) -> Result<(), ParcelError> {
    let cipher = cipher(key)?;
    let mut files = Vec::new();
    for (name, file, needed) in CONTENT {
        match data.get(name) {
            Some(sealed) => files.push((config_dir.join(file), open(&cipher, name, sealed)?)),
            None if needed => return Err(ParcelError::Missing(name)),
            None => {}
        }
    }
    for (path, text) in files {
        let failed = |source| ParcelError::File { path: path.clone(), source };
        std::fs::create_dir_all(path.parent().unwrap_or(config_dir)).map_err(failed)?;
        let mode = if path.extension().is_some_and(|of| of == "key") { 0o600 } else { 0o644 };
        write_atomically(&path, &text, mode).map_err(failed)?;
    }
    Ok(())
}

fn open(cipher: &RandomizedNonceKey, name: &'static str, sealed: &str) -> Result<Vec<u8>, ParcelError> {
    let bytes = BASE64.decode(sealed).map_err(|_| ParcelError::Open(name))?;
    let (nonce, text) = bytes.split_at_checked(NONCE).ok_or(ParcelError::Open(name))?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| ParcelError::Open(name))?;
    let mut text = text.to_vec();
    let plain = cipher.open_in_place(nonce, Aad::empty(), &mut text).map_err(|_| ParcelError::Open(name))?;
    Ok(plain.to_vec())
}

fn cipher(key: &str) -> Result<RandomizedNonceKey, ParcelError> {
    let digits: Option<Vec<u32>> = key.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or(ParcelError::Key)?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect();
    RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| ParcelError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("parcel-{name}-{}", std::process::id()));
        _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("pki")).unwrap();
        folder
    }

    #[test]
    fn what_is_packed_is_unpacked_by_the_key_alone() {
        let (from, to) = (folder("from"), folder("to"));
        for (name, file, needed) in CONTENT {
            if needed {
                std::fs::write(from.join(file), name).unwrap();
            }
        }
        let key = new_key();
        let data = pack(&from, &key).unwrap();
        assert!(!data.contains_key("etcd-ca.key") && data.len() == 7);
        assert!(matches!(unpack(&data, &new_key(), &to), Err(ParcelError::Open("ca.crt"))));
        assert!(!to.join("pki/ca.crt").exists());
        unpack(&data, &key, &to).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("pki/sa.pub")).unwrap(), "sa.pub");
        let mode = std::fs::metadata(to.join("pki/ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut lacking = data.clone();
        lacking.remove("sa.key");
        assert!(matches!(unpack(&lacking, &key, &to), Err(ParcelError::Missing("sa.key"))));
        assert!(matches!(pack(&from, "xyz"), Err(ParcelError::Key)));
        for folder in [from, to] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
