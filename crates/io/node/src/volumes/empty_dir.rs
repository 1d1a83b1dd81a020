//! `emptyDir`: a folder that lives as long as the pod, on disk or in memory.

use super::{Kind, Place, Ready, make_folder, mount_table, ownership};
use crate::container::pod_resources;
use crate::node_object::allocatable;
use apimachinery::Quantity;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Volume;
use std::os::unix::fs::PermissionsExt;

pub(super) struct EmptyDir;

/// A file system in memory cannot hold more than its pod may use: its limit if all its containers have one, else what
/// the node has for pods. Upstream: `calculateEmptyDirMemorySize`.
fn most(place: &Place<'_>) -> Option<Quantity> {
    let limit = pod_resources(place.pod).memory_limit.and_then(|bytes| Quantity::parse(&bytes.to_string()).ok());
    limit.or_else(|| allocatable(place.agent).remove("memory"))
}

#[async_trait]
impl Kind for EmptyDir {
    fn handles(&self, volume: &Volume) -> bool {
        volume.empty_dir.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~empty-dir".to_owned()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.empty_dir.clone().unwrap_or_default();
        let folder = &place.folder;
        let ready = Ready { path: folder.clone(), ..Ready::default() };
        let medium = source.medium.as_deref().unwrap_or_default();
        match medium {
            "" if folder.exists() => return Ok(ready),
            "" => make_folder(folder)?,
            "Memory" if mount_table::is_mount_point(folder) => return Ok(ready),
            "Memory" => {
                make_folder(folder)?;
                let wanted = source.size_limit.and_then(|limit| Quantity::parse(&limit.0).ok());
                let size = most(place).into_iter().chain(wanted).map(|limit| limit.value()).filter(|bytes| *bytes > 0);
                let size = size.min().map(|bytes| format!(",size={bytes}")).unwrap_or_default();
                mount_table::mount_tmpfs(folder, &format!("mode=0777{size}"))?;
            }
            other => return Err(format!("unknown storage medium {other:?}; use Memory or leave it out")),
        }
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder, open).map_err(|error| format!("cannot open {}: {error}", folder.display()))?;
        ownership::give_to_group(place, folder)?;
        Ok(ready)
    }
}
