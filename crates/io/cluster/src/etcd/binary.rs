//! The program: Debian's etcd, and which one it is.

use super::MemberError;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it may be, in this order. Debian has it in the first.
const FOLDERS: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt/etcd"];
/// Learners came with it.
const OLDEST: Version = Version { major: 3, minor: 4 };

/// Of what decides on flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

/// An etcd that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    pub path: PathBuf,
    pub version: Version,
}

impl Binary {
    /// # Errors
    /// If there is none, or it is older than 3.4.
    pub fn find() -> Result<Self, MemberError> {
        let path = program("etcd").ok_or(MemberError::NoProgram { program: "etcd", package: "etcd-server" })?;
        Self::at(&path)
    }

    /// # Errors
    /// If it cannot be run, or is older than 3.4.
    pub fn at(path: &Path) -> Result<Self, MemberError> {
        let failed = |why: String| MemberError::Version { path: path.to_owned(), why };
        let output = Command::new(path).arg("--version").env_clear().output();
        let output = output.map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = parse(&text).ok_or_else(|| failed(format!("it says: {}", text.trim())))?;
        if version < OLDEST {
            return Err(failed(format!("{}.{} is too old", version.major, version.minor)));
        }
        Ok(Self { path: path.to_owned(), version })
    }
}

/// A program of etcd's, where Debian or its own documentation puts it.
pub fn program(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// Of `etcd Version: 3.4.23`.
fn parse(text: &str) -> Option<Version> {
    let number = text.lines().find_map(|line| line.strip_prefix("etcd Version: "))?;
    let mut parts = number.trim().split('.').map(str::parse);
    Some(Version { major: parts.next()?.ok()?, minor: parts.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let of = |text| parse(text).map(|version| (version.major, version.minor));
        assert_eq!(of("etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8\n"), Some((3, 4)));
        assert_eq!(of("etcd Version: 3.6.0-rc.1\nGit SHA: 1\n"), Some((3, 6)));
        assert_eq!(of("usage: etcd"), None);
    }

    #[test]
    fn what_is_no_etcd_is_named() {
        let error = Binary::at(Path::new("/bin/true")).unwrap_err().to_string();
        assert!(error.contains("/bin/true") && error.contains("etcd-server"), "{error}");
    }
}
