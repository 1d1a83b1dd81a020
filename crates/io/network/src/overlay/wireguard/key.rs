//! The node's own key: made once, kept in a file that only root reads.

use crate::NetworkError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use defguard_boringtun::x25519::{PublicKey, StaticSecret};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const MODE: u32 = 0o600;

/// Both halves.
#[derive(Clone)]
pub struct Key {
    pub secret: StaticSecret,
    pub public: PublicKey,
}

impl Key {
    pub fn generate() -> Self {
        Self::from(rand::random::<[u8; 32]>())
    }

    /// The key in the file; one is made where there is no file. The text is that of `wg genkey`.
    ///
    /// # Errors
    /// If the file cannot be read or written, or holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self, NetworkError> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                // Whoever copied it here may have been careless.
                std::fs::set_permissions(path, Permissions::from_mode(MODE))
                    .map_err(NetworkError::file("restrict", path))?;
                let bytes = BASE64_STANDARD.decode(text.trim_end()).ok().and_then(|bytes| bytes.try_into().ok());
                bytes.map(|bytes: [u8; 32]| Self::from(bytes)).ok_or_else(|| NetworkError::BadKey { path: path.into() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(NetworkError::file("read", path)(error)),
        }
    }

    fn create(path: &Path) -> Result<Self, NetworkError> {
        let key = Self::generate();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(NetworkError::file("create", folder))?;
        }
        let text = BASE64_STANDARD.encode(key.secret.to_bytes()) + "\n";
        stdx::write_atomically(path, text.as_bytes(), MODE).map_err(NetworkError::file("write", path))?;
        Ok(key)
    }

    /// As other nodes are told.
    pub fn told(&self) -> netplan::overlay::PublicKey {
        netplan::overlay::PublicKey(self.public.to_bytes())
    }
}

impl From<[u8; 32]> for Key {
    fn from(bytes: [u8; 32]) -> Self {
        let secret = StaticSecret::from(bytes);
        Self { public: PublicKey::from(&secret), secret }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_root_reads_it() {
        let folder = std::env::temp_dir().join(format!("barque-wireguard-{}", std::process::id()));
        let path = folder.join("wireguard.key");
        let made = Key::load_or_create(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Key::load_or_create(&path).unwrap().told(), made.told());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        std::fs::write(&path, "nonsense\n").unwrap();
        let error = Key::load_or_create(&path).err().unwrap().to_string();
        assert!(error.contains("wireguard.key") && error.contains("remove it"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
