//! `secret`: the entries of a Secret as files in memory, kept up to date.

use super::{Kind, Place, Ready, payload};
use crate::container::env;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Volume;

pub(super) struct Secret;

#[async_trait]
impl Kind for Secret {
    fn handles(&self, volume: &Volume) -> bool {
        volume.secret.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~secret".to_owned()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.secret.clone().unwrap_or_default();
        let name = source.secret_name.unwrap_or_default();
        let data = env::secret(place.agent, place.namespace(), &name, source.optional).await;
        let data = data.map_err(|trouble| trouble.message)?;
        let mode = source.default_mode.unwrap_or(payload::DEFAULT_MODE);
        let files = payload::of_data(data, source.items.as_ref(), mode, source.optional == Some(true))?;
        payload::write(place, files, true, None)
    }
}
