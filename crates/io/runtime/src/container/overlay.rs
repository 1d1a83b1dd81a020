//! Mounts a container's root file system: image layers below, a writable layer above.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Overlay {
    /// Topmost first; at least one.
    pub lower: Vec<PathBuf>,
    pub upper: PathBuf,
    pub work: PathBuf,
}

impl Overlay {
    /// Mounts at `target`.
    pub fn mount(&self, target: &Path) -> Result<(), String> {
        // `lowerdir+` (Linux 6.5) has no limit on the number of layers; older kernels take one string of a page.
        let context = match self.configured(true) {
            Err(Errno::INVAL) => self.configured(false),
            other => other,
        };
        let mounted = context
            .and_then(|context| fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()))
            .and_then(|mount| move_mount(&mount, "", rustix::fs::CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH));
        mounted.map_err(|e| format!("cannot mount the root file system at {}: {e}", target.display()))
    }

    fn configured(&self, single: bool) -> rustix::io::Result<OwnedFd> {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        let context_fd = &context;
        fsconfig_set_string(context_fd, "source", "overlay")?; // what mount(8) shows
        if single {
            for layer in &self.lower {
                fsconfig_set_string(context_fd, "lowerdir+", layer)?;
            }
        } else {
            let all: Vec<String> = self.lower.iter().map(|l| l.display().to_string().replace(':', "\\:")).collect();
            fsconfig_set_string(context_fd, "lowerdir", all.join(":"))?;
        }
        fsconfig_set_string(context_fd, "upperdir", &self.upper)?;
        fsconfig_set_string(context_fd, "workdir", &self.work)?;
        // A container's own layer does not outlive a crash of the host: syncing it would be waste. Old kernels refuse.
        match fsconfig_set_flag(context_fd, "volatile") {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
        fsconfig_create(context_fd)?;
        Ok(context)
    }
}

/// Detaches whatever is mounted at the path; nothing mounted is fine.
pub fn unmount(target: &Path) {
    while rustix::mount::unmount(target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok() {}
}
