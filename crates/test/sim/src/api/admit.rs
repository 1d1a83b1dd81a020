//! Admission, as far as what decides counts on it.

use super::Api;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Reason, Value, meta};
use kinds::edit::list_or_new;
use kinds::resources::{NAMESPACES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS};
use serde_json::json;

const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

impl Api {
    pub(super) fn admit(&self, of: &Gvr, namespace: &str, object: &mut Value) -> ApiResult<()> {
        if !namespace.is_empty() {
            let home = self.get(&NAMESPACES, "", namespace)?;
            if home.head.is_deleting() {
                let message = format!("unable to create new content in namespace {namespace}: it is being terminated");
                return Err(ApiError::new(Reason::Forbidden, message));
            }
        }
        if *of == PERSISTENT_VOLUME_CLAIMS {
            meta::add_finalizer(object, "kubernetes.io/pvc-protection");
        }
        if *of == PERSISTENT_VOLUMES {
            meta::add_finalizer(object, "kubernetes.io/pv-protection");
        }
        if *of == PODS {
            for taint in TAINTS {
                let toleration =
                    json!({"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
                list_or_new(&mut object["spec"], "tolerations").into_iter().for_each(|list| {
                    list.push(toleration.clone());
                });
            }
        }
        Ok(())
    }
}
