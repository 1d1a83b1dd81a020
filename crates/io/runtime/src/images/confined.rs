//! File operations that cannot leave a folder, whatever links lie in it.
//!
//! Every path is resolved by the kernel (`openat2`, `RESOLVE_IN_ROOT`): links in a hostile layer, absolute or full of
//! `..`, stay inside of it. Names are split so that the last component is never followed.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

const CONFINED: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// The folder that nothing leaves.
pub struct Root {
    fd: OwnedFd,
    /// The folder used last: entries of an archive come folder by folder.
    recent: Option<(PathBuf, OwnedFd)>,
}

/// Splits an archive's path into parts below the root. A leading `/` or `./` means the root itself.
///
/// Refuses `..` and empty or over-long names, saying so.
pub fn clean(path: &Path) -> Result<PathBuf, String> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) if name.len() > 255 => return Err(format!("name too long in {path:?}")),
            Component::Normal(name) if name.as_bytes().contains(&0) => return Err(format!("NUL in {path:?}")),
            Component::Normal(name) => out.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => return Err(format!("{path:?} contains \"..\", which could leave the image")),
            Component::Prefix(_) => return Err(format!("{path:?} is not a path")),
        }
    }
    Ok(out)
}

impl Root {
    pub fn open(path: &Path) -> rustix::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { fd: rustix::fs::open(path, flags, Mode::empty())?, recent: None })
    }

    /// Forgets the folder used last: something was removed or replaced.
    pub fn forget(&mut self) {
        self.recent = None;
    }

    /// The folder of a cleaned path (made with its parents, mode 0755, if missing) and the last name.
    /// `None` for the root itself.
    pub fn parent<'a>(&mut self, path: &'a Path) -> rustix::io::Result<Option<(BorrowedFd<'_>, &'a OsStr)>> {
        let Some(name) = path.file_name() else { return Ok(None) };
        let parent = path.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() {
            return Ok(Some((self.fd.as_fd(), name)));
        }
        if self.recent.as_ref().is_none_or(|(known, _)| known != parent) {
            let fd = self.make_folder(parent)?;
            self.recent = Some((parent.to_path_buf(), fd));
        }
        Ok(self.recent.as_ref().map(|(_, fd)| (fd.as_fd(), name)))
    }

    /// Opens a folder below the root, links followed inside of the root.
    pub fn folder(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retried(|| rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), CONFINED))
    }

    fn make_folder(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        match self.folder(path) {
            Err(Errno::NOENT) => {}
            other => return other,
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().ok_or(Errno::INVAL)?;
        let above =
            if parent.as_os_str().is_empty() { self.folder(Path::new("."))? } else { self.make_folder(parent)? };
        match rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {}
            // A link that leads nowhere: making its target would be guessing.
            Err(Errno::EXIST) => return Err(Errno::NOTDIR),
            Err(error) => return Err(error),
        }
        self.folder(path)
    }

    /// Removes whatever is at `name`, folders with their contents, links not followed.
    pub fn remove(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<()> {
        match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {}
            Err(Errno::NOENT) => return Ok(()),
            other => return other,
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inner = rustix::fs::openat(folder, name, flags, Mode::empty())?;
        for entry in rustix::fs::Dir::read_from(&inner)? {
            let entry = entry?;
            let entry_name = OsStr::from_bytes(entry.file_name().to_bytes());
            if entry_name != "." && entry_name != ".." {
                Self::remove(inner.as_fd(), entry_name)?;
            }
        }
        rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)
    }

    /// The type of what is at `name`, links not followed.
    pub fn kind(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<Option<FileType>> {
        match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// `openat2` gives `EAGAIN` when a rename elsewhere raced with it.
fn retried<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    for _ in 0..16 {
        match call() {
            Err(Errno::AGAIN) => continue,
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}
