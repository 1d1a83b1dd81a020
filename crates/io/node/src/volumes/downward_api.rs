//! `downwardAPI`: the pod's own fields as files, kept up to date.

use super::{Kind, Place, Ready, payload};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Volume;

pub(super) struct DownwardApi;

#[async_trait]
impl Kind for DownwardApi {
    fn handles(&self, volume: &Volume) -> bool {
        volume.downward_api.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~downward-api".to_owned()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.downward_api.clone().unwrap_or_default();
        let mode = source.default_mode.unwrap_or(payload::DEFAULT_MODE);
        let files = payload::of_pod(place, source.items.as_deref().unwrap_or_default(), mode)?;
        payload::write(place, files, false, None)
    }
}
