//! A folder of a test below /tmp, gone with it.

use std::path::{Path, PathBuf};

/// Removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// `/tmp/bqt-<name>-<pid>`: short, because sockets below it have paths of at most 107 bytes.
    pub fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/tmp/bqt-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder in /tmp");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}
