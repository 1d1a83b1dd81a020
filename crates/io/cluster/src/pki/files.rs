//! The folder the keys lie in.

use super::{Pair, PkiError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use stdx::write_atomically;

pub const SECRET: u32 = 0o600;
pub const PUBLIC: u32 = 0o644;

pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// Makes the folder if it is not there, and takes it from the eyes of others.
    pub fn open(dir: &Path) -> Result<Self, PkiError> {
        let failed = |source| PkiError::File { path: dir.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        Ok(Self { dir: dir.to_owned() })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// None if there is no such file. A key that others may read is closed to them.
    pub fn read(&self, name: &str) -> Result<Option<String>, PkiError> {
        let path = self.path(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PkiError::File { path, source }),
        };
        if name.ends_with(".key") {
            let closed = std::fs::metadata(&path).and_then(|found| match found.permissions().mode() & 0o077 {
                0 => Ok(()),
                _ => std::fs::set_permissions(&path, PermissionsExt::from_mode(SECRET)),
            });
            closed.map_err(|source| PkiError::File { path, source })?;
        }
        Ok(Some(text))
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), PkiError> {
        let path = self.path(name);
        write_atomically(&path, text.as_bytes(), mode).map_err(|source| PkiError::File { path, source })
    }

    /// Both halves, or None if one is missing.
    pub fn pair(&self, name: &str) -> Result<Option<Pair>, PkiError> {
        let certificate = self.read(&format!("{name}.crt"))?;
        let key = self.read(&format!("{name}.key"))?;
        Ok(certificate.zip(key).map(|(certificate, key)| Pair { certificate, key }))
    }

    /// The key first: a key without a certificate is mended, a certificate without a key is not.
    pub fn write_pair(&self, name: &str, pair: &Pair) -> Result<(), PkiError> {
        self.write(&format!("{name}.key"), &pair.key, SECRET)?;
        self.write(&format!("{name}.crt"), &pair.certificate, PUBLIC)
    }

    pub fn damaged(&self, name: &str, why: &dyn std::fmt::Display) -> PkiError {
        PkiError::Damaged { path: self.path(name), why: why.to_string() }
    }
}
