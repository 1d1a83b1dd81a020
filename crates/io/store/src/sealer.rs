//! Encryption at rest: seals the values of chosen keys before a backend writes them, opens them when it reads.
//!
//! A sealed value is `MAGIC, length of the key id, key id, nonce (12 bytes), AES-256-GCM text, tag (16 bytes)`; the store
//! key's name is authenticated with it, so that a value cannot be moved to another name on disk.
//!
//! The key file has one key a line, `ID BASE64-OF-32-BYTES`. The first line seals; all lines open. To rotate: put a
//! new line on top, restart, rewrite the objects, then remove the old line.
//!
//! Invariants
//! - What starts with one of the prefixes is never given to a backend in plain.
//! - Whatever `seal` returns, `open` returns to the same bytes, also when the plain value looks like a sealed one.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use std::borrow::Cow;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Starts every sealed value. JSON and text never start with a zero byte.
const MAGIC: &[u8] = b"\0seal1";
const NONCE_LEN: usize = 12;
const KEY_LEN: usize = 32;
/// Longest id of a key; its length is one byte on disk.
const MAX_ID: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("the encryption key file {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "the encryption key file {path} is readable by others (mode {mode:03o}). Make it private: chmod 600 {path}; \
         and replace its key if others may have read it"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("line {line} of the encryption key file {path} is not `ID BASE64-OF-32-BYTES`")]
    Line { path: PathBuf, line: usize },
    #[error("the encryption key file {path} holds no key. Restore it from a backup")]
    Empty { path: PathBuf },
    #[error(
        "{key} is encrypted with the key `{id}`, which the encryption key file {path} does not hold. Add that key to the \
         file (from a backup of it)"
    )]
    UnknownKey { key: String, id: String, path: PathBuf },
    #[error(
        "{key} is encrypted and cannot be opened with the key `{id}` of {path}: the key is another one or the data was \
         changed. Restore the key file, or the data, from a backup"
    )]
    Unopened { key: String, id: String, path: PathBuf },
    #[error(
        "{key} is encrypted, and the store was opened without an encryption key file. Name the file it was made with"
    )]
    NoKeyFile { key: String },
    #[error("the value of {key} could not be encrypted")]
    Failed { key: String },
}

struct SealingKey {
    id: String,
    key: RandomizedNonceKey,
}

/// The keys of one key file and what to seal with them. Safe to share between threads.
pub struct Sealer {
    path: PathBuf,
    prefixes: Vec<String>,
    /// Never empty; the first seals.
    keys: Vec<SealingKey>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("path", &self.path).field("prefixes", &self.prefixes).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Reads the key file. `prefixes`: the store keys to seal, for example `/registry/secrets/`.
    pub fn load(path: impl Into<PathBuf>, prefixes: Vec<String>) -> Result<Self, SealError> {
        let path = path.into();
        let file_error = |source| SealError::File { path: path.clone(), source };
        let mode = std::fs::metadata(&path).map_err(file_error)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SealError::Exposed { path, mode });
        }
        let text = std::fs::read_to_string(&path).map_err(file_error)?;
        let keys = parse(&text).map_err(|line| SealError::Line { path: path.clone(), line })?;
        if keys.is_empty() {
            return Err(SealError::Empty { path });
        }
        Ok(Self { path, prefixes, keys })
    }

    /// Like [`Sealer::load`]; where the file does not exist, makes it with a new random key (mode 0600, synced to disk).
    pub fn load_or_create(path: impl Into<PathBuf>, prefixes: Vec<String>) -> Result<Self, SealError> {
        let path = path.into();
        match create(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(SealError::File { path, source }),
        }
        Self::load(path, prefixes)
    }

    /// The bytes to write for `key`: sealed if its name asks for it, else `value` itself.
    pub fn seal<'a>(&self, key: &str, value: &'a [u8]) -> Result<Cow<'a, [u8]>, SealError> {
        // A plain value that looks sealed is sealed too, or it would not come back as it was.
        if !self.prefixes.iter().any(|prefix| key.starts_with(prefix)) && !is_sealed(value) {
            return Ok(Cow::Borrowed(value));
        }
        let SealingKey { id, key: cipher } = &self.keys[0];
        let mut text = value.to_vec();
        let nonce = cipher
            .seal_in_place_append_tag(Aad::from(key.as_bytes()), &mut text)
            .map_err(|_| SealError::Failed { key: key.to_owned() })?;
        let mut sealed = Vec::with_capacity(MAGIC.len() + 1 + id.len() + NONCE_LEN + text.len());
        sealed.extend_from_slice(MAGIC);
        sealed.push(id.len() as u8);
        sealed.extend_from_slice(id.as_bytes());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(Cow::Owned(sealed))
    }

    /// The plain value of what [`Sealer::seal`] returned for `key`.
    pub fn open(&self, key: &str, stored: &[u8]) -> Result<Bytes, SealError> {
        let Some((id, nonce, text)) = split(stored) else {
            return Ok(Bytes::copy_from_slice(stored));
        };
        let unopened = || SealError::Unopened { key: key.to_owned(), id: id.to_owned(), path: self.path.clone() };
        let Some(SealingKey { key: cipher, .. }) = self.keys.iter().find(|known| known.id == id) else {
            return Err(SealError::UnknownKey { key: key.to_owned(), id: id.to_owned(), path: self.path.clone() });
        };
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unopened())?;
        let mut text = text.to_vec();
        let plain = cipher.open_in_place(nonce, Aad::from(key.as_bytes()), &mut text).map_err(|_| unopened())?;
        Ok(Bytes::copy_from_slice(plain))
    }
}

/// The bytes a backend writes for a value. Without a sealer, one that looks sealed would not come back as it was.
pub(crate) fn sealed<'a>(seal: &Option<Arc<Sealer>>, key: &str, value: &'a [u8]) -> Result<Cow<'a, [u8]>, SealError> {
    match seal {
        Some(sealer) => sealer.seal(key, value),
        None if is_sealed(value) => Err(SealError::NoKeyFile { key: key.to_owned() }),
        None => Ok(Cow::Borrowed(value)),
    }
}

/// The value of what [`sealed`] gave to a backend.
pub(crate) fn unsealed(seal: &Option<Arc<Sealer>>, key: &str, stored: Bytes) -> Result<Bytes, SealError> {
    match seal {
        _ if !is_sealed(&stored) => Ok(stored),
        Some(sealer) => sealer.open(key, &stored),
        None => Err(SealError::NoKeyFile { key: key.to_owned() }),
    }
}

/// Whether `stored` looks like a sealed value.
fn is_sealed(stored: &[u8]) -> bool {
    stored.starts_with(MAGIC)
}

/// Key id, nonce and text of a sealed value; `None` for a plain one. A cut-off one comes back with an empty nonce.
fn split(stored: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let rest = stored.strip_prefix(MAGIC)?;
    let (id, rest) =
        rest.split_first().and_then(|(len, rest)| rest.split_at_checked(*len as usize)).unwrap_or_default();
    let (nonce, text) = rest.split_at_checked(NONCE_LEN).unwrap_or_default();
    Some((std::str::from_utf8(id).unwrap_or("(unreadable)"), nonce, text))
}

/// The keys of a key file; `Err` is the number of the first bad line.
fn parse(text: &str) -> Result<Vec<SealingKey>, usize> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| parse_line(line).ok_or(index + 1)).collect()
}

fn parse_line(line: &str) -> Option<SealingKey> {
    let (id, secret) = line.trim().split_once(' ')?;
    let secret = BASE64.decode(secret.trim()).ok().filter(|secret| secret.len() == KEY_LEN)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, &secret).ok()?;
    (id.len() <= MAX_ID).then(|| SealingKey { id: id.to_owned(), key })
}

fn create(path: &Path) -> std::io::Result<()> {
    let mut secret = [0; KEY_LEN];
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| std::io::Error::other("no random bytes to be had"))?;
    let mut id = [0; 4];
    aws_lc_rs::rand::fill(&mut id).map_err(|_| std::io::Error::other("no random bytes to be had"))?;
    let line = format!("{:08x} {}\n", u32::from_be_bytes(id), BASE64.encode(secret));
    if path.exists() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    // Written aside and linked into place: a crash never leaves half a key file.
    let aside = path.with_extension("new");
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    std::fs::hard_link(&aside, path)?;
    std::fs::remove_file(&aside)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(folder: &Path) -> Sealer {
        Sealer::load_or_create(folder.join("key"), vec!["/registry/secrets/".into()]).unwrap()
    }

    #[test]
    fn seals_the_prefix_only_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(folder.path());
        let secret = sealer.seal("/registry/secrets/a", b"hunter2").unwrap();
        assert!(!secret.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(&sealer.open("/registry/secrets/a", &secret).unwrap()[..], b"hunter2");
        assert_eq!(&sealer.seal("/registry/pods/a", b"plain").unwrap()[..], b"plain");
        assert_ne!(sealer.seal("/registry/secrets/a", b"hunter2").unwrap(), secret, "each seal has its own nonce");
    }

    #[test]
    fn a_plain_value_that_looks_sealed_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(folder.path());
        let stored = sealer.seal("/registry/pods/a", b"\0seal1-not-really").unwrap();
        assert_eq!(&sealer.open("/registry/pods/a", &stored).unwrap()[..], b"\0seal1-not-really");
    }

    #[test]
    fn moved_changed_or_cut_values_do_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = sealer(folder.path());
        let stored = sealer.seal("/registry/secrets/a", b"hunter2").unwrap().into_owned();
        assert!(matches!(sealer.open("/registry/secrets/b", &stored), Err(SealError::Unopened { .. })));
        for length in MAGIC.len()..stored.len() {
            sealer.open("/registry/secrets/a", &stored[..length]).unwrap_err();
        }
        let mut changed = stored;
        *changed.last_mut().unwrap() ^= 1;
        let error = sealer.open("/registry/secrets/a", &changed).unwrap_err().to_string();
        assert!(error.contains(folder.path().join("key").to_str().unwrap()), "names the key file: {error}");
    }

    #[test]
    fn rotation_opens_old_values_and_a_lost_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let old = sealer(folder.path());
        let stored = old.seal("/registry/secrets/a", b"hunter2").unwrap().into_owned();
        let path = folder.path().join("key");
        let line = std::fs::read_to_string(&path).unwrap();
        let new_line = format!("newer {}\n", BASE64.encode([7; KEY_LEN]));
        std::fs::write(&path, format!("{new_line}{line}")).unwrap();
        let both = Sealer::load(&path, vec!["/registry/secrets/".into()]).unwrap();
        assert_eq!(&both.open("/registry/secrets/a", &stored).unwrap()[..], b"hunter2");
        std::fs::write(&path, new_line).unwrap();
        let new = Sealer::load(&path, vec![]).unwrap();
        assert!(matches!(new.open("/registry/secrets/a", &stored), Err(SealError::UnknownKey { .. })));
    }

    #[test]
    fn a_key_file_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        drop(sealer(folder.path()));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Sealer::load(&path, vec![]), Err(SealError::Exposed { mode: 0o640, .. })));
    }
}
