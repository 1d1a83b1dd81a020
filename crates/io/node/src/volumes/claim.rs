//! `persistentVolumeClaim`: the source of the bound PersistentVolume, as if the pod had named it itself.

use super::{Kind, Place, Ready, kind_of, ownership};
use async_trait::async_trait;
use client::resources;
use k8s_openapi::api::core::v1::{
    FlexVolumeSource, HostPathVolumeSource, LocalObjectReference, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeSpec, Volume,
};

pub(super) struct Claim;

#[async_trait]
impl Kind for Claim {
    fn handles(&self, volume: &Volume) -> bool {
        volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~claim".to_owned()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let (name, read_only) = match &volume.persistent_volume_claim {
            Some(claim) => (claim.claim_name.clone(), claim.read_only.unwrap_or(false)),
            None => (format!("{}-{}", place.key.name, volume.name), false),
        };
        let spec = bound_volume(place, &name).await?;
        let inner = as_pod_volume(&volume.name, spec)?;
        let kind = kind_of(&inner)?;
        let folder =
            place.agent.config.pod_dir(&place.key.uid).join("volumes").join(kind.folder(&inner)).join(&inner.name);
        let is_local = inner.host_path.is_some();
        let mut ready = kind.set_up(&Place { folder, ..*place }, &inner).await?;
        if is_local && !read_only {
            ownership::give_to_group(place, &ready.path)?;
        }
        ready.read_only |= read_only;
        Ok(ready)
    }
}

async fn bound_volume(place: &Place<'_>, name: &str) -> Result<PersistentVolumeSpec, String> {
    let api = &place.agent.api;
    let claim = api.get(&resources::PERSISTENT_VOLUME_CLAIMS, place.namespace(), name).await;
    let claim = claim.map_err(|error| format!("failed to fetch PVC from API server: {error}"))?;
    if claim.head.is_deleting() {
        return Err("can't start pod because PVC is being deleted".to_owned());
    }
    let claim: PersistentVolumeClaim = claim.decode().map_err(|error| error.to_string())?;
    let phase = claim.status.and_then(|status| status.phase).unwrap_or_default();
    let volume = claim.spec.and_then(|spec| spec.volume_name).filter(|name| !name.is_empty());
    let volume = volume.filter(|_| phase == "Bound").ok_or("PVC is not bound")?;
    let volume = api.get(&resources::PERSISTENT_VOLUMES, "", &volume).await.map_err(|error| error.to_string())?;
    let volume: PersistentVolume = volume.decode().map_err(|error| error.to_string())?;
    volume.spec.ok_or_else(|| "the PersistentVolume has no spec".to_owned())
}

fn as_pod_volume(name: &str, spec: PersistentVolumeSpec) -> Result<Volume, String> {
    let mut volume = Volume { name: name.to_owned(), ..Volume::default() };
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err("volumeMode Block is not supported by this node; use Filesystem".to_owned());
    }
    volume.host_path = spec.host_path;
    volume.nfs = spec.nfs;
    if let Some(local) = spec.local {
        // A local volume must be there: nobody makes it.
        volume.host_path = Some(HostPathVolumeSource { path: local.path, type_: Some("Directory".to_owned()) });
    }
    volume.flex_volume = spec.flex_volume.map(|flex| FlexVolumeSource {
        driver: flex.driver,
        fs_type: flex.fs_type,
        options: flex.options,
        read_only: flex.read_only,
        secret_ref: flex.secret_ref.and_then(|secret| secret.name).map(|name| LocalObjectReference { name }),
    });
    Ok(volume)
}
