//! The files that a configuration names, on this machine.

use balance::config::Files;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// Reads what it is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| crate::text::reason(&error))
    }

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let entries = std::fs::read_dir(path).map_err(|error| crate::text::reason(&error))?;
        let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        found.sort();
        Ok(found)
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn resolve(&self, host: &str) -> Option<IpAddr> {
        (host, 0).to_socket_addrs().ok()?.next().map(|address| address.ip())
    }
}
