//! Network namespaces that live without a process: a bind mount of each under its pod's uid.

use crate::NetworkError;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const NONE: Option<&str> = None;

/// Makes the folder a mount of its own that passes its mounts on, so that what we unmount disappears everywhere and no
/// forgotten copy keeps a namespace alive.
pub fn prepare(folder: &Path) -> Result<(), NetworkError> {
    std::fs::create_dir_all(folder).map_err(NetworkError::file("create", folder))?;
    let failed = NetworkError::file("mount", folder);
    let result = (|| {
        if !is_mount_point(folder)? {
            mount(Some(folder), folder, NONE, MsFlags::MS_BIND, NONE)?;
        }
        mount(NONE, folder, NONE, MsFlags::MS_SHARED, NONE)?;
        Ok(())
    })();
    result.map_err(failed)
}

/// Undoes [`prepare`] and lets all namespaces in the folder go. A folder that is not there is no error.
pub fn purge(folder: &Path) -> Result<(), NetworkError> {
    for path in all(folder)? {
        remove(&path)?;
    }
    // More than one mount lies here if two processes prepared at once.
    while umount2(folder, MntFlags::MNT_DETACH).is_ok() {}
    match std::fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(NetworkError::file("remove", folder)(error)),
        _ => Ok(()),
    }
}

/// Creates a namespace, keeps it at `path`, and runs `fill` inside, in a thread of its own.
pub fn create<F>(path: PathBuf, fill: F) -> Result<(), NetworkError>
where
    F: FnOnce(&File) -> Result<(), NetworkError> + Send + 'static,
{
    let name = "netns".to_owned();
    let work = move || {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| NetworkError::kernel("create a namespace")(errno.into()))?;
        let own = "/proc/thread-self/ns/net";
        let netns = keep(own, &path).map_err(NetworkError::file("keep the network namespace at", &path))?;
        fill(&netns)
    };
    let thread = std::thread::Builder::new().name(name).spawn(work);
    let thread = thread.map_err(NetworkError::kernel("start a thread"))?;
    thread.join().unwrap_or_else(|_| {
        Err(NetworkError::kernel("set up a network namespace")(io::Error::other("the thread panicked")))
    })
}

fn keep(own: &str, path: &Path) -> io::Result<File> {
    remove_quietly(path)?;
    File::create_new(path)?;
    mount(Some(own), path, NONE, MsFlags::MS_BIND, NONE)?;
    File::open(own)
}

/// Lets the namespace go; it ends with its last process.
pub fn remove(path: &Path) -> Result<(), NetworkError> {
    remove_quietly(path).map_err(NetworkError::file("remove", path))
}

fn remove_quietly(path: &Path) -> io::Result<()> {
    while umount2(path, MntFlags::MNT_DETACH).is_ok() {}
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a namespace is kept at `path` (after a reboot only the empty file may be left).
pub fn is_mounted(path: &Path) -> bool {
    const NSFS_MAGIC: rustix::fs::FsWord = 0x6e73_6673;
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type == NSFS_MAGIC)
}

/// The kept namespaces, ours by their place.
pub fn all(folder: &Path) -> Result<Vec<PathBuf>, NetworkError> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(NetworkError::file("read", folder)(error)),
    }
}

/// Whether a uid can name a file in the folder and nothing else.
pub fn is_file_name(uid: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !uid.is_empty() && uid.len() <= 128 && uid.bytes().all(fine)
}

fn is_mount_point(folder: &Path) -> io::Result<bool> {
    let folder = folder.canonicalize()?;
    let table = std::fs::read_to_string("/proc/thread-self/mountinfo")?;
    Ok(table.lines().any(|line| line.split(' ').nth(4).is_some_and(|at| Path::new(at) == folder)))
}
