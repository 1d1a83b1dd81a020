//! Priority: a pod's number comes from its class.
//!
//! Upstream: `plugin/pkg/admission/priority/admission.go`.

use super::{Attributes, Operation, Plugin, forbidden};
use crate::server::Server;
use apimachinery::{ApiResult, Value, meta};
use async_trait::async_trait;
use client::resources::{PODS, PRIORITY_CLASSES};

const PREFIX: &str = "/registry/scheduling.k8s.io/priorityclasses/";

pub struct Priority;

#[async_trait]
impl Plugin for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        let gvr = &of.resource.gvr;
        let pods = of.operation == Operation::Create && *gvr == PODS;
        let classes = matches!(of.operation, Operation::Create | Operation::Update) && *gvr == PRIORITY_CLASSES;
        of.subresource.is_empty() && (pods || classes)
    }

    async fn admit(&self, server: &Server, of: &Attributes<'_>, object: &mut Value) -> ApiResult<()> {
        if of.resource.gvr == PODS { set(server, of, object).await } else { Ok(()) }
    }

    async fn validate(&self, server: &Server, of: &Attributes<'_>, object: &Value) -> ApiResult<()> {
        if of.resource.gvr != PRIORITY_CLASSES || object["globalDefault"] != true {
            return Ok(());
        }
        match default_class(server).filter(|class| meta::name(class) != meta::name(object)) {
            Some(other) => {
                let why = format!("PriorityClass {} is already marked as globalDefault", meta::name(&other));
                Err(forbidden(of, meta::name(object), &why))
            }
            None => Ok(()),
        }
    }
}

async fn set(server: &Server, of: &Attributes<'_>, pod: &mut Value) -> ApiResult<()> {
    let name = pod["spec"]["priorityClassName"].as_str().unwrap_or_default().to_owned();
    let class = if name.is_empty() {
        default_class(server)
    } else {
        let key = format!("{PREFIX}{name}");
        let shelf = server.cache.shelf_at(PREFIX);
        if shelf.get(&key).is_none() {
            server.cache.wait_fresh().await?;
        }
        let Some(class) = shelf.get(&key) else {
            let why = format!("no PriorityClass with name {name} was found");
            return Err(forbidden(of, meta::name(pod), &why));
        };
        Some(class.to_value())
    };
    let value = class.as_ref().and_then(|class| class["value"].as_i64()).unwrap_or(0);
    let policy = class.as_ref().and_then(|class| class["preemptionPolicy"].as_str());
    let policy = policy.unwrap_or("PreemptLowerPriority").to_owned();
    let spec = &mut pod["spec"];
    if let Some(given) = spec["priority"].as_i64().filter(|given| *given != value) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
             computed {value} from the given PriorityClass name"
        );
        return Err(forbidden(of, meta::name(pod), &why));
    }
    if let Some(class) = class.filter(|_| name.is_empty()) {
        spec["priorityClassName"] = meta::name(&class).into();
    }
    spec["priority"] = value.into();
    if spec["preemptionPolicy"].is_null() {
        spec["preemptionPolicy"] = policy.into();
    }
    Ok(())
}

/// The class of pods that name none: of several (which cannot be made, but can be found) the lowest.
fn default_class(server: &Server) -> Option<Value> {
    let shelf = server.cache.shelf_at(PREFIX);
    let classes = shelf.objects();
    let defaults = classes.iter().map(|class| class.to_value()).filter(|class| class["globalDefault"] == true);
    defaults.min_by_key(|class| class["value"].as_i64())
}
