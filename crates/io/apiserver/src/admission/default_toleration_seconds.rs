//! DefaultTolerationSeconds: pods stay for ten seconds on a node that is not ready or not reachable.
//!
//! Upstream: `plugin/pkg/admission/defaulttolerationseconds/admission.go`.

use super::{Attributes, Operation, Plugin};
use crate::server::Server;
use apimachinery::{ApiResult, Value};
use async_trait::async_trait;
use client::resources::PODS;
use serde_json::json;

/// Upstream: `--default-not-ready-toleration-seconds`, 300 there. A node is called silent after 40 s already; with few nodes
/// nobody wants to wait five minutes more for what can run elsewhere. Pods that say otherwise are heard.
const SECONDS: i64 = 10;
const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

pub struct DefaultTolerationSeconds;

#[async_trait]
impl Plugin for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        matches!(of.operation, Operation::Create | Operation::Update)
            && of.subresource.is_empty()
            && of.resource.gvr == PODS
    }

    async fn admit(&self, _server: &Server, _of: &Attributes<'_>, pod: &mut Value) -> ApiResult<()> {
        if !pod["spec"].is_object() {
            return Ok(());
        }
        let tolerations = &mut pod["spec"]["tolerations"];
        for taint in TAINTS {
            let known = tolerations.as_array().into_iter().flatten().any(|own| {
                let key = own["key"].as_str().unwrap_or_default();
                let effect = own["effect"].as_str().unwrap_or_default();
                (key == taint || key.is_empty()) && (effect == "NoExecute" || effect.is_empty())
            });
            if known {
                continue;
            }
            let added =
                json!({"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS});
            match tolerations.as_array_mut() {
                Some(list) => list.push(added),
                None => *tolerations = json!([added]),
            }
        }
        Ok(())
    }
}
