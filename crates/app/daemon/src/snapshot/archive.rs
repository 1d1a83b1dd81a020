//! The file: a tar archive of a description, the store, and the keys that no machine can make again.

use super::SnapshotError;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Layout of the archive.
const FORMAT: u32 = 1;
/// A key or description; more is none of ours.
const SMALL: u64 = 1 << 20;

/// Names in the archive, and files below the folder of the configuration; `true`: a snapshot without it is none.
pub const KEYS: [(&str, bool); 10] = [
    ("pki/ca.crt", true),
    ("pki/ca.key", true),
    ("pki/front-proxy-ca.crt", true),
    ("pki/front-proxy-ca.key", true),
    ("pki/sa.key", true),
    ("pki/sa.pub", true),
    ("pki/etcd/ca.crt", false),
    ("pki/etcd/ca.key", false),
    ("store.key", true),
    ("cluster.yaml", false),
];
const ABOUT: &str = "snapshot.json";
const STORE: &str = "store";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Backend {
    Embedded,
    Etcd,
}

/// What is said of a snapshot in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    format: u32,
    pub backend: Backend,
    pub node: String,
    pub time: jiff::Timestamp,
}

impl About {
    pub fn new(backend: Backend, node: &str) -> Self {
        Self { format: FORMAT, backend, node: node.to_owned(), time: jiff::Timestamp::now() }
    }
}

/// Writes the archive to `path`, which must not exist.
pub fn write(path: &Path, about: &About, store: &Path, config_dir: &Path) -> Result<(), SnapshotError> {
    let beside = path.with_extension("tar.partial");
    let failed = |source: io::Error| SnapshotError::File { path: path.to_owned(), source };
    let done = pack(&beside, about, store, config_dir).and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        // The error worth reporting is the first one.
        _ = std::fs::remove_file(&beside);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    done.and_then(|()| File::open(folder)?.sync_all()).map_err(failed)
}

fn pack(path: &Path, about: &About, store: &Path, config_dir: &Path) -> io::Result<()> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut archive = tar::Builder::new(file);
    let text = serde_json::to_vec_pretty(about)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, ABOUT, &*text)?;
    for (name, needed) in KEYS {
        let from = config_dir.join(name);
        match File::open(&from) {
            Ok(mut file) => archive.append_file(name, &mut file)?,
            Err(error) if !needed && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::other(format!("{}: {error}", from.display()))),
        }
    }
    archive.append_file(STORE, &mut File::open(store)?)?;
    archive.into_inner()?.sync_all()
}

/// What was read: the store lies in a file of its own.
pub struct Contents {
    pub about: About,
    /// Names of [`KEYS`], and their texts.
    pub keys: Vec<(&'static str, Vec<u8>)>,
}

/// Reads the archive, its store into `store` (0600).
pub fn read(path: &Path, store: &Path) -> Result<Contents, SnapshotError> {
    let damaged = |why: String| SnapshotError::Damaged { path: path.to_owned(), why };
    let file = File::open(path).map_err(|source| SnapshotError::File { path: path.to_owned(), source })?;
    let (about, keys) = unpack(file, store).map_err(|error| damaged(error.to_string()))?;
    let about = about.ok_or_else(|| damaged(format!("{ABOUT} is missing")))?;
    if about.format != FORMAT {
        return Err(damaged(format!("it has format {}, which a newer version made", about.format)));
    }
    let missing = KEYS.iter().find(|(name, needed)| *needed && !keys.iter().any(|(has, _)| has == name));
    if let Some((name, _)) = missing {
        return Err(damaged(format!("{name} is missing")));
    }
    if !store.exists() {
        return Err(damaged("the store is missing".to_owned()));
    }
    Ok(Contents { about, keys })
}

type Unpacked = (Option<About>, Vec<(&'static str, Vec<u8>)>);

/// Names that are not ours are passed over, so that none leads anywhere.
fn unpack(file: File, store: &Path) -> io::Result<Unpacked> {
    let (mut about, mut keys) = (None, Vec::new());
    for entry in tar::Archive::new(file).entries()? {
        let mut entry = entry?;
        let name: PathBuf = entry.path()?.into_owned();
        if name == Path::new(STORE) {
            let mut to = File::options().write(true).create_new(true).mode(0o600).open(store)?;
            io::copy(&mut entry, &mut to)?;
            to.sync_all()?;
            continue;
        }
        let mut text = Vec::new();
        if name == Path::new(ABOUT) {
            entry.take(SMALL).read_to_end(&mut text)?;
            about = Some(serde_json::from_slice(&text)?);
        } else if let Some((known, _)) = KEYS.iter().find(|(known, _)| Path::new(known) == name) {
            entry.take(SMALL).read_to_end(&mut text)?;
            keys.push((*known, text));
        }
    }
    Ok((about, keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_written_is_read_and_nothing_less() {
        let folder = std::env::temp_dir().join(format!("snapshot-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("pki/etcd")).unwrap();
        std::fs::write(folder.join("db"), [7; 5000]).unwrap();
        let about = About::new(Backend::Embedded, "n1");
        let path = folder.join("s.tar");
        let error = write(&path, &about, &folder.join("db"), &folder).unwrap_err();
        assert!(stdx::chain(&error).contains("pki/ca.crt"), "{error}");
        assert!(!path.exists() && !folder.join("s.tar.partial").exists());

        for (name, _) in KEYS.iter().filter(|(_, needed)| *needed) {
            std::fs::write(folder.join(name), name).unwrap();
        }
        write(&path, &about, &folder.join("db"), &folder).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read_back = read(&path, &folder.join("out")).unwrap();
        assert_eq!(read_back.about, about);
        assert!(read_back.keys.contains(&("store.key", b"store.key".to_vec())) && read_back.keys.len() == 7);
        assert_eq!(std::fs::read(folder.join("out")).unwrap(), [7; 5000]);

        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        std::fs::remove_file(folder.join("out")).unwrap();
        assert!(matches!(read(&path, &folder.join("out")), Err(SnapshotError::Damaged { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
