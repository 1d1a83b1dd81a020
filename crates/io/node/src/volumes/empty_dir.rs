//! `emptyDir`: a folder that lives as long as the pod, on disk or in memory.

use super::{Kind, Place, Ready, make_folder, mount_table, ownership};
use apimachinery::Quantity;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Volume;
use std::os::unix::fs::PermissionsExt;

pub(super) struct EmptyDir;

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
                let limit =
                    source.size_limit.and_then(|limit| Quantity::parse(&limit.0).ok()).map(|limit| limit.value());
                let size = limit.filter(|bytes| *bytes > 0).map(|bytes| format!(",size={bytes}")).unwrap_or_default();
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
