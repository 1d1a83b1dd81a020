//! The files that ConfigMaps, Secrets and the downward API become, alone and in projected volumes.
//!
//! Upstream: `pkg/volume/configmap/configmap.go` (`MakePayload`), `pkg/volume/downwardapi`.

use super::Place;
use super::atomic_writer::{self, File, Payload};
use super::{Ready, make_folder, mount_table};
use crate::container::{env::Data, field, resource_field};
use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath};
use std::os::unix::fs::PermissionsExt;
use stdx::Timestamp;

/// What the files of a volume without `defaultMode` have.
pub(super) const DEFAULT_MODE: i32 = 0o644;

/// All entries, or those that `items` names, under their paths.
pub(super) fn of_data(
    data: Option<Data>,
    items: Option<&Vec<KeyToPath>>,
    mode: i32,
    optional: bool,
) -> Result<Payload, String> {
    let data = data.unwrap_or_default();
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        return Ok(data.into_iter().map(|(key, bytes)| (key, file(bytes, mode))).collect());
    };
    let mut payload = Payload::new();
    for item in items {
        match data.get(&item.key) {
            Some(bytes) => _ = payload.insert(item.path.clone(), file(bytes.clone(), item.mode.unwrap_or(mode))),
            None if optional => {}
            None => return Err(format!("references non-existent config key: {}", item.key)),
        }
    }
    Ok(payload)
}

pub(super) fn of_pod(place: &Place<'_>, items: &[DownwardAPIVolumeFile], mode: i32) -> Result<Payload, String> {
    let mut payload = Payload::new();
    for item in items {
        let text = if let Some(of) = &item.field_ref {
            field(place.agent, place.pod, &of.field_path, place.ips)?
        } else if let Some(of) = &item.resource_field_ref {
            resource_field(place.agent, place.pod, None, of)?
        } else {
            return Err(format!("item {} has neither fieldRef nor resourceFieldRef", item.path));
        };
        payload.insert(item.path.clone(), file(text.into_bytes(), item.mode.unwrap_or(mode)));
    }
    Ok(payload)
}

pub(super) fn file(bytes: Vec<u8>, mode: i32) -> File {
    File { bytes, mode: mode.unsigned_abs(), owner: None }
}

/// Writes the files into the volume; on a tmpfs of its own where they are secret.
pub(super) fn write(
    place: &Place<'_>,
    mut payload: Payload,
    secret: bool,
    refresh_at: Option<Timestamp>,
) -> Result<Ready, String> {
    let folder = &place.folder;
    make_folder(folder)?;
    if secret && !mount_table::is_mount_point(folder) {
        mount_table::mount_tmpfs(folder, "mode=0755,size=16m")?;
    }
    let group = place.fs_group().and_then(|group| u32::try_from(group).ok());
    if group.is_some() {
        // Upstream: `SetVolumeOwnership` of a read-only volume.
        payload.values_mut().for_each(|file| file.mode |= 0o440);
    }
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).map_err(|error| format!("cannot open {}: {error}", folder.display()))?;
    atomic_writer::write(folder, &payload, group)?;
    Ok(Ready { path: folder.clone(), read_only: true, refresh_at })
}
