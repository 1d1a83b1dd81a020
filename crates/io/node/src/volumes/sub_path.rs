//! `subPath`: a part of a volume, bound to a place of its own so that no link can lead out of the volume.
//!
//! Every step is resolved by the kernel below the volume's root (`openat2`), then bound by its descriptor: changing
//! the path afterwards changes nothing.
//!
//! Upstream: `pkg/volume/util/subpath/subpath_linux.go`.

use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::mount::UnmountFlags;
use std::path::{Component, Path, PathBuf};

/// What is wrong with a path in a volume, in upstream's words.
pub(crate) fn check(inside: &str) -> Result<(), String> {
    if inside.starts_with('/') {
        return Err(format!("error SubPath `{inside}` must not be an absolute path"));
    }
    if Path::new(inside).components().any(|part| part == Component::ParentDir) {
        return Err(format!("unable to provision SubPath `{inside}`: must not contain '..'"));
    }
    Ok(())
}

/// Binds `inside` of the volume at `root` to `target`, made as folder if missing. Gives `target`.
pub(crate) fn mount(root: &Path, inside: &str, target: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{inside:?} in {}: {error}", root.display());
    let source = open(root, inside).map_err(failed)?;
    prepare_target(&source, target).map_err(failed)?;
    let from = format!("/proc/self/fd/{}", source.as_raw_fd());
    rustix::mount::mount_bind_recursive(&*from, target).map_err(|error| failed(error.into()))?;
    Ok(target.to_owned())
}

fn open(root: &Path, inside: &str) -> std::io::Result<OwnedFd> {
    let root = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match below(&root, inside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(root, inside),
        found => found,
    }
}

fn below(root: &impl AsFd, path: &str) -> std::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    Ok(rustix::fs::openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

/// Makes the folders that are missing, one at a time, with the mode of the volume itself: who may write there may write
/// in its parts.
fn make(root: OwnedFd, inside: &str) -> std::io::Result<OwnedFd> {
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&root)?.st_mode & 0o777);
    let mut at = root;
    let parts: Vec<_> = Path::new(inside).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    for part in parts {
        let name = part.as_os_str().to_str().ok_or(std::io::ErrorKind::InvalidInput)?;
        at = match below(&at, name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                rustix::fs::mkdirat(&at, name, mode)?;
                let made = below(&at, name)?;
                // The umask does not count; what the volume gives to new folders (its group) stays.
                let given = Mode::from_raw_mode(rustix::fs::fstat(&made)?.st_mode & 0o7000);
                let path = format!("/proc/self/fd/{}", made.as_raw_fd());
                rustix::fs::chmodat(CWD, path, mode | given, rustix::fs::AtFlags::empty())?;
                made
            }
            found => found?,
        };
    }
    Ok(at)
}

/// A fresh mount point of the same type; what an earlier attempt of the container left is taken away.
fn prepare_target(source: &OwnedFd, target: &Path) -> std::io::Result<()> {
    // Fails when nothing is mounted, which is the usual case.
    _ = rustix::mount::unmount(target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(source)?.st_mode);
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if kind == rustix::fs::FileType::Directory {
        return std::fs::create_dir_all(target);
    }
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, target, flags, Mode::from_raw_mode(0o600))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn links_do_not_lead_out_of_the_volume() {
        let root = std::env::temp_dir().join(format!("sub-path-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(root.join("in")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        std::os::unix::fs::symlink("../..", root.join("in/up")).unwrap();
        std::os::unix::fs::symlink("in", root.join("fine")).unwrap();
        assert!(open(&root, "out/passwd").is_err());
        assert!(open(&root, "in/up").is_err());
        assert_eq!(check("a/../x"), Err("unable to provision SubPath `a/../x`: must not contain '..'".into()));
        assert_eq!(check("/x"), Err("error SubPath `/x` must not be an absolute path".into()));
        open(&root, "fine").unwrap();
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o777)).unwrap();
        open(&root, "in/new/deep").unwrap();
        assert_eq!(std::fs::metadata(root.join("in/new/deep")).unwrap().permissions().mode() & 0o777, 0o777);
        std::fs::remove_dir_all(root).unwrap();
    }
}
