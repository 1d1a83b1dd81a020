//! A full disk: a reserve file is given up when it happens, so that deletes (which must be written too) still work.

use std::path::{Path, PathBuf};

/// Holds room on the disk of the store.
pub(super) struct Space {
    reserve: PathBuf,
    bytes: u64,
    held: bool,
    /// There was too little room without the reserve: more is needed to go on than to stay.
    tight: bool,
}

impl Space {
    /// Takes the reserve, `bytes` long. Where there is no room now it is taken later.
    pub fn new(reserve: PathBuf, bytes: u64) -> Self {
        let mut space = Self { reserve, bytes, held: false, tight: false };
        space.take();
        space
    }

    /// Whether there is room for growth: the reserve is held (or can be taken now), or there are pages inside the
    /// database (`free_inside` bytes) and enough beside it for the WAL.
    pub fn has_room(&mut self, free_inside: impl FnOnce() -> u64) -> bool {
        if self.held {
            return true;
        }
        let free = self.free();
        if free >= 2 * self.bytes {
            self.take();
            self.tight = false;
            return true;
        }
        let needed = if self.tight { self.bytes / 2 } else { self.bytes / 4 };
        self.tight = free.min(free_inside()) < needed;
        !self.tight
    }

    /// Bytes the disk has left for us. An unreadable file system counts as full.
    pub fn free(&self) -> u64 {
        let folder = self.reserve.parent().unwrap_or(Path::new("/"));
        rustix::fs::statvfs(folder).map_or(0, |disk| disk.f_bavail * disk.f_frsize)
    }

    pub fn give_up(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.reserve) {
            tracing::debug!(%error, path = %self.reserve.display(), "no reserve to give up");
        }
        self.held = false;
        self.tight = true;
    }

    fn take(&mut self) {
        if self.held {
            return;
        }
        match allocate(&self.reserve, self.bytes) {
            Ok(()) => self.held = true,
            Err(error) => {
                tracing::warn!(%error, path = %self.reserve.display(), "no room for the store's reserve");
                // What was allocated of it is of no use.
                self.give_up();
            }
        }
    }
}

fn allocate(path: &Path, bytes: u64) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    Ok(rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?)
}
