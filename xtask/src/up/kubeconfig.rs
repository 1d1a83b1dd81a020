//! The kubeconfig where kubectl looks, for the person who asked, unless a file of theirs is there already.

use crate::Error;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

/// First line of a file that is ours to replace and to remove. kubectl drops it when it changes the file, which then is
/// the user's.
const MARK: &str = "# Written by `cargo xtask up`; removed by `cargo xtask down`.\n";

/// Where it went.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// Where kubectl looks by itself.
    Default(PathBuf),
    /// Beside a file of the user's own.
    Beside { theirs: PathBuf, ours: PathBuf },
}

impl Place {
    pub fn said(&self) -> String {
        match self {
            Self::Default(path) => format!("kubectl finds {}.", path.display()),
            Self::Beside { theirs, ours } => {
                format!("{} is yours and stays as it is; this cluster's is {}.", theirs.display(), ours.display())
            }
        }
    }

    /// What has to stand before `kubectl`.
    pub fn prefix(&self) -> String {
        match self {
            Self::Default(_) => String::new(),
            Self::Beside { ours, .. } => format!("KUBECONFIG={} ", ours.display()),
        }
    }
}

/// Writes it for the user behind sudo, or for root.
pub fn place(text: &str) -> Result<Place, Error> {
    place_in(&folder(), text)
}

/// Removes what [`place`] wrote.
pub fn remove() -> Result<(), Error> {
    for name in ["config", "barque"] {
        let path = folder().join(name);
        if is_ours(&path) {
            fs::remove_file(&path).map_err(|error| Error::File(path, error))?;
        }
    }
    Ok(())
}

fn place_in(folder: &Path, text: &str) -> Result<Place, Error> {
    let (theirs, ours) = (folder.join("config"), folder.join("barque"));
    if !theirs.exists() || is_ours(&theirs) {
        write(&theirs, text)?;
        return Ok(Place::Default(theirs));
    }
    write(&ours, text)?;
    Ok(Place::Beside { theirs, ours })
}

fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.starts_with(MARK))
}

/// A file only its owner reads, owned by whoever owns the home folder.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |error| Error::File(path.to_owned(), error);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let home = folder.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(failed)?;
    let beside = path.with_extension("new");
    // An older one may have other permissions.
    _ = fs::remove_file(&beside);
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
    file.write_all(MARK.as_bytes()).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
    let owner = fs::metadata(home).map_err(failed)?;
    for made in [folder, &beside] {
        chown(made, Some(owner.uid()), Some(owner.gid())).map_err(failed)?;
    }
    fs::rename(&beside, path).map_err(failed)
}

/// `.kube` of the user who called sudo, else of HOME.
fn folder() -> PathBuf {
    let sudo = std::env::var("SUDO_USER").ok().and_then(|user| home_of(&user));
    let home = sudo.or_else(|| std::env::var_os("HOME").map(PathBuf::from)).unwrap_or_else(|| "/root".into());
    home.join(".kube")
}

fn home_of(user: &str) -> Option<PathBuf> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(user))?;
    line.split(':').nth(5).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_users_own_stays() {
        let home = std::env::temp_dir().join(format!("xtask-kubeconfig-{}", std::process::id()));
        let folder = home.join(".kube");
        fs::create_dir_all(&home).unwrap();
        let first = place_in(&folder, "a: 1\n").unwrap();
        assert_eq!(first, Place::Default(folder.join("config")));
        assert_eq!(place_in(&folder, "a: 2\n").unwrap(), first, "ours is replaced");
        assert_eq!(fs::read_to_string(folder.join("config")).unwrap(), format!("{MARK}a: 2\n"));
        assert_eq!(fs::metadata(folder.join("config")).unwrap().mode() & 0o777, 0o600);
        fs::write(folder.join("config"), "b: 1\n").unwrap();
        let second = place_in(&folder, "a: 3\n").unwrap();
        assert!(matches!(&second, Place::Beside { ours, .. } if *ours == folder.join("barque")));
        assert_eq!(fs::read_to_string(folder.join("config")).unwrap(), "b: 1\n");
        fs::remove_dir_all(&home).unwrap();
    }
}
