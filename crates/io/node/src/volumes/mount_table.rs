//! What is mounted where, and unmounting.

use rustix::mount::{MountFlags, UnmountFlags};
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// Whether something is mounted exactly here, be it a folder of the same file system, as drivers bind them.
pub(super) fn is_mount_point(path: &Path) -> bool {
    below(path).iter().any(|point| point == path)
}

/// Mounts a tmpfs over an empty folder.
pub(super) fn mount_tmpfs(at: &Path, options: &str) -> Result<(), String> {
    let data = CString::new(options).map_err(|error| error.to_string())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("tmpfs", at, "tmpfs", flags, data.as_c_str())
        .map_err(|error| format!("cannot mount a tmpfs on {}: {error}", at.display()))
}

/// Unmounts all below a folder, the deepest first. An error if something stays: the folder must not be removed then.
pub(crate) fn unmount_below(folder: &Path) -> Result<(), String> {
    for path in below(folder).iter().rev() {
        rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
            .map_err(|error| format!("cannot unmount {}: {error}", path.display()))?;
    }
    match below(folder).first() {
        Some(left) => Err(format!("{} is still mounted", left.display())),
        None => Ok(()),
    }
}

/// Mount points below a folder, in the order they were mounted.
fn below(folder: &Path) -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(|text| PathBuf::from(unescape(text)));
    points.filter(|point| point.starts_with(folder)).collect()
}

/// `\040` is a space: the kernel writes blanks and backslashes in octal.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = (first == b'\\').then(|| after.get(..3)).flatten();
        let code = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
