//! `configMap`: the entries of a ConfigMap as files, kept up to date.

use super::{Kind, Place, Ready, payload};
use crate::container::env;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Volume;

pub(super) struct ConfigMap;

#[async_trait]
impl Kind for ConfigMap {
    fn handles(&self, volume: &Volume) -> bool {
        volume.config_map.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~configmap".to_owned()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.config_map.clone().unwrap_or_default();
        let data = env::config_map(place.agent, place.namespace(), &source.name, source.optional).await;
        let data = data.map_err(|trouble| trouble.message)?;
        let mode = source.default_mode.unwrap_or(payload::DEFAULT_MODE);
        let files = payload::of_data(data, source.items.as_ref(), mode, source.optional == Some(true))?;
        payload::write(place, files, false, None)
    }
}
