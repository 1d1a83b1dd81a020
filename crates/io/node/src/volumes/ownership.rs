//! `fsGroup`: the volume's files belong to the pod's group.
//!
//! Upstream: `pkg/volume/volume_linux.go`.

use super::Place;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown};
use std::path::Path;

/// Group read and write for files; folders also give their group to what is made in them.
const FILE_BITS: u32 = 0o660;
const FOLDER_BITS: u32 = 0o2770;

/// Gives a volume to the pod's group, if it has one. Unchanged roots are trusted where the pod says so.
pub(super) fn give_to_group(place: &Place<'_>, root: &Path) -> Result<(), String> {
    let Some(group) = place.fs_group().and_then(|group| u32::try_from(group).ok()) else { return Ok(()) };
    let security = place.pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    let policy = security.and_then(|security| security.fs_group_change_policy.as_deref());
    let failed = |error: std::io::Error| format!("cannot give {} to group {group}: {error}", root.display());
    let meta = fs::symlink_metadata(root).map_err(failed)?;
    let fits = meta.gid() == group && meta.mode() & FOLDER_BITS == FOLDER_BITS;
    if policy == Some("OnRootMismatch") && fits {
        return Ok(());
    }
    walk(root, group).map_err(failed)
}

fn walk(path: &Path, group: u32) -> std::io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return lchown(path, None, Some(group));
    }
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), group)?;
        }
    }
    chown(path, None, Some(group))?;
    let bits = if meta.is_dir() { FOLDER_BITS } else { FILE_BITS };
    fs::set_permissions(path, fs::Permissions::from_mode(meta.mode() & 0o7777 | bits))
}
