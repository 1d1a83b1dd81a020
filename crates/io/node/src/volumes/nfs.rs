//! `nfs`: mounted by the system's mount(8), which needs the NFS helpers.

use super::{Kind, Place, Ready, make_folder, mount_table};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Volume;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A server that does not answer within this time fails the pod's set-up, which is tried again.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Nfs;

#[async_trait]
impl Kind for Nfs {
    fn handles(&self, volume: &Volume) -> bool {
        volume.nfs.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~nfs".to_owned()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.nfs.clone().unwrap_or_default();
        let read_only = source.read_only.unwrap_or(false);
        let ready = Ready { path: place.folder.clone(), read_only, ..Ready::default() };
        if mount_table::is_mount_point(&place.folder) {
            return Ok(ready);
        }
        make_folder(&place.folder)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "nfs"]).args(read_only.then_some(["-o", "ro"]).into_iter().flatten());
        mount.arg(format!("{}:{}", source.server, source.path)).arg(&place.folder);
        mount.stdin(Stdio::null()).kill_on_drop(true);
        let output = match tokio::time::timeout(TIMEOUT, mount.output()).await {
            Err(_) => {
                return Err(format!(
                    "mount of {}:{} timed out after {} s",
                    source.server,
                    source.path,
                    TIMEOUT.as_secs()
                ));
            }
            Ok(Err(error)) => return Err(format!("cannot run mount(8): {error}")),
            Ok(Ok(output)) => output,
        };
        match output.status.success() {
            true => Ok(ready),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("mount failed: {} (NFS volumes need the package nfs-common)", said.trim()))
            }
        }
    }
}
