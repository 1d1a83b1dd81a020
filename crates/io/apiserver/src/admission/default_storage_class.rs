//! DefaultStorageClass: a claim that names no class gets the default one.
//!
//! Upstream: `plugin/pkg/admission/storage/storageclass/setdefault/admission.go`.

use super::{Attributes, Operation, Plugin};
use crate::server::Server;
use apimachinery::{ApiResult, Value, meta};
use async_trait::async_trait;
use client::resources::PERSISTENT_VOLUME_CLAIMS;

const PREFIX: &str = "/registry/storage.k8s.io/storageclasses/";
const MARKS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
const CLASS_OF_OLD: &str = "volume.beta.kubernetes.io/storage-class";

pub struct DefaultStorageClass;

#[async_trait]
impl Plugin for DefaultStorageClass {
    fn name(&self) -> &'static str {
        "DefaultStorageClass"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        of.operation == Operation::Create && of.subresource.is_empty() && of.resource.gvr == PERSISTENT_VOLUME_CLAIMS
    }

    async fn admit(&self, server: &Server, _of: &Attributes<'_>, claim: &mut Value) -> ApiResult<()> {
        let named = !claim["spec"]["storageClassName"].is_null() || meta::annotation(claim, CLASS_OF_OLD).is_some();
        if named || !claim["spec"].is_object() {
            return Ok(());
        }
        let classes = server.cache.shelf_at(PREFIX).objects();
        let classes = classes.iter().map(|class| class.to_value());
        let defaults = classes.filter(|class| MARKS.iter().any(|mark| meta::annotation(class, mark) == Some("true")));
        // The newest, then the first by name.
        let chosen = defaults.max_by(|a, b| {
            let age = meta::creation_timestamp(a).cmp(meta::creation_timestamp(b));
            age.then_with(|| meta::name(b).cmp(meta::name(a)))
        });
        if let Some(class) = chosen {
            claim["spec"]["storageClassName"] = meta::name(&class).into();
        }
        Ok(())
    }
}
