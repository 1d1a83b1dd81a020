//! StorageObjectInUseProtection: claims and volumes in use are not deleted under their users.
//!
//! Upstream: `plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go`.

use super::{Attributes, Operation, Plugin};
use crate::server::Server;
use apimachinery::{ApiResult, GroupVersionResource as Gvr, Value, meta};
use async_trait::async_trait;
use client::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES};

/// What gets which finalizer.
static PROTECTED: [(&Gvr, &str); 2] =
    [(&PERSISTENT_VOLUME_CLAIMS, "kubernetes.io/pvc-protection"), (&PERSISTENT_VOLUMES, "kubernetes.io/pv-protection")];

pub struct StorageObjectInUseProtection;

#[async_trait]
impl Plugin for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        of.operation == Operation::Create
            && of.subresource.is_empty()
            && PROTECTED.iter().any(|(gvr, _)| **gvr == of.resource.gvr)
    }

    async fn admit(&self, _server: &Server, of: &Attributes<'_>, object: &mut Value) -> ApiResult<()> {
        if let Some((_, finalizer)) = PROTECTED.iter().find(|(gvr, _)| **gvr == of.resource.gvr) {
            meta::add_finalizer(object, finalizer);
        }
        Ok(())
    }
}
