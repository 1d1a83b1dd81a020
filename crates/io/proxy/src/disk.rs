//! The files that a configuration names, on this machine.
//!
//! A process that has gone into a chroot still reads its configuration anew when told to: through the old root, which
//! was opened before.

use balance::config::Files;
use nix::unistd::{Group, User};
use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Reads what it is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

/// Where paths led before a chroot. A process has one root, so this is one, too.
static FORMER: OnceLock<Former> = OnceLock::new();

#[derive(Debug)]
struct Former {
    root: OwnedFd,
    /// What relative paths started from.
    folder: PathBuf,
}

/// Remembers root and working folder. To be called before they change.
///
/// # Errors
/// The system's.
pub fn remember_root() -> io::Result<()> {
    let root = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let former = Former { root, folder: std::env::current_dir()? };
    FORMER.set(former).map_err(|_| io::Error::other("the root was left before"))
}

fn open_path(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    match FORMER.get() {
        None => Ok(open(path, flags, Mode::empty())?),
        // Links, too, lead where they led before.
        Some(Former { root, folder }) => {
            Ok(openat2(root, folder.join(path), flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::from(open_path(path, OFlags::RDONLY)?).read_to_end(&mut content)?;
    Ok(content)
}

fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = open_path(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut found = Vec::new();
    for entry in Dir::read_from(folder)? {
        let file = path.join(OsStr::from_bytes(entry?.file_name().to_bytes()));
        if kind(&file).is_some_and(|kind| kind.is_file()) {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

fn kind(path: &Path) -> Option<FileType> {
    let file = open_path(path, OFlags::PATH).ok()?;
    Some(FileType::from_raw_mode(fstat(file).ok()?.st_mode))
}

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        read(path).map_err(|error| crate::text::reason(&error))
    }

    fn list(&self, path: &Path) -> Result<Vec<PathBuf>, String> {
        list(path).map_err(|error| crate::text::reason(&error))
    }

    fn is_folder(&self, path: &Path) -> bool {
        kind(path).is_some_and(|kind| kind.is_dir())
    }

    /// Users cannot be asked for in a chroot; who is in one has asked before.
    fn has_user(&self, name: &str) -> bool {
        FORMER.get().is_some() || User::from_name(name).is_ok_and(|user| user.is_some())
    }

    fn has_group(&self, name: &str) -> bool {
        FORMER.get().is_some() || Group::from_name(name).is_ok_and(|group| group.is_some())
    }

    fn resolve(&self, host: &str) -> Option<IpAddr> {
        (host, 0).to_socket_addrs().ok()?.next().map(|address| address.ip())
    }
}
