//! Files that change all at once: a folder per version, and `..data`, a link to the present one.
//!
//! Upstream: `pkg/volume/util/atomic_writer.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub bytes: Vec<u8>,
    pub mode: u32,
    /// None: root.
    pub owner: Option<u32>,
}

/// Files by their path in the volume.
pub(super) type Payload = BTreeMap<String, File>;

const DATA: &str = "..data";
const NEXT: &str = "..data_tmp";

/// Makes the volume hold exactly these files; writes nothing if it does. With `group`, they belong to it.
pub(super) fn write(volume: &Path, payload: &Payload, group: Option<u32>) -> Result<(), String> {
    check(payload)?;
    let result = (|| {
        if is_current(volume, payload) {
            return Ok(());
        }
        let before = fs::read_link(volume.join(DATA)).ok();
        let version = write_version(volume, payload, group)?;
        // Whatever the moment we die at: readers see the old version or the new one.
        _ = fs::remove_file(volume.join(NEXT));
        symlink(&version, volume.join(NEXT))?;
        fs::rename(volume.join(NEXT), volume.join(DATA))?;
        link_names(volume, payload)?;
        match before {
            Some(old) => fs::remove_dir_all(volume.join(old)),
            None => Ok(()),
        }
    })();
    result.map_err(|error: std::io::Error| format!("cannot write {}: {error}", volume.display()))
}

/// Paths come from users: none may leave the volume, or touch the links.
fn check(payload: &Payload) -> Result<(), String> {
    let is_bad = |path: &&String| {
        path.is_empty()
            || path.starts_with('/')
            || path.starts_with("..")
            || path.split('/').any(|part| part == ".." || part.is_empty())
    };
    match payload.keys().find(is_bad) {
        Some(path) => Err(format!("invalid path {path:?}: must be relative and must not contain '..'")),
        None => Ok(()),
    }
}

fn is_current(volume: &Path, payload: &Payload) -> bool {
    let data = volume.join(DATA);
    let mut count = 0;
    let mut folders = vec![data.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { return false };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&data).ok().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(wanted) = payload.get(name) else { return false };
            let mode = fs::metadata(&path).map(|meta| meta.permissions().mode() & 0o777).ok();
            if mode != Some(wanted.mode & 0o777) || fs::read(&path).ok().as_ref() != Some(&wanted.bytes) {
                return false;
            }
            count += 1;
        }
    }
    count == payload.len() && (count > 0 || data.exists())
}

/// A new folder with all files; its name.
fn write_version(volume: &Path, payload: &Payload, group: Option<u32>) -> std::io::Result<String> {
    let name = format!("..{:016x}", rand::random::<u64>());
    let root = volume.join(&name);
    let make = |folder: &Path| -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        chown(folder, None, group)
    };
    make(&root)?;
    for (path, file) in payload {
        let target = root.join(path);
        if let Some(folder) = target.parent().filter(|folder| *folder != root) {
            make(folder)?;
        }
        fs::write(&target, &file.bytes)?;
        chown(&target, file.owner, group)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(file.mode & 0o777))?;
    }
    Ok(name)
}

/// Links for the first part of every path; those of names that are gone are removed.
fn link_names(volume: &Path, payload: &Payload) -> std::io::Result<()> {
    let wanted: BTreeSet<&str> = payload.keys().filter_map(|path| path.split('/').next()).collect();
    for name in &wanted {
        let link = volume.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(name), &link)?;
        }
    }
    for entry in fs::read_dir(volume)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with("..")) else { continue };
        if !wanted.contains(name) {
            fs::remove_file(volume.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let file = |text: &str| File { bytes: text.into(), mode: 0o644, owner: None };
        files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect()
    }

    #[test]
    fn changes_all_files_at_once_and_leaves_no_rest() {
        let folder = std::env::temp_dir().join(format!("atomic-{:x}", rand::random::<u64>()));
        fs::create_dir_all(&folder).unwrap();
        write(&folder, &payload(&[("a", "1"), ("sub/b", "2")]), None).unwrap();
        assert_eq!(fs::read_to_string(folder.join("sub/b")).unwrap(), "2");
        let version = fs::read_link(folder.join(DATA)).unwrap();
        write(&folder, &payload(&[("a", "1"), ("sub/b", "2")]), None).unwrap();
        assert_eq!(fs::read_link(folder.join(DATA)).unwrap(), version);
        write(&folder, &payload(&[("a", "3")]), None).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a")).unwrap(), "3");
        let version = fs::read_link(folder.join(DATA)).unwrap().into_os_string().into_string().unwrap();
        let mut wanted = [version, DATA.to_owned(), "a".to_owned()];
        let mut names: Vec<String> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        // A version's name is drawn by lot: it stands before or after the others.
        wanted.sort();
        assert_eq!(names, wanted);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn refuses_paths_that_leave_the_volume() {
        for path in ["", "/etc/passwd", "../x", "a/../../x", "..data", "a//b"] {
            assert!(check(&payload(&[(path, "")])).is_err(), "{path}");
        }
    }
}
