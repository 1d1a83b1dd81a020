//! Admission: what may change or refuse a write after authorization. One file per plug-in, one line in [`chain`].
//!
//! Invariants
//! - Every write passes, whoever writes; there is no way around it.
//! - Plug-ins that change run before those that only refuse. Webhooks and quota will be two more lines.
//!
//! Upstream: `pkg/kubeapiserver/options/plugins.go` (order and defaults).

mod certificates;
mod default_storage_class;
mod default_toleration_seconds;
mod escalation;
mod namespace_lifecycle;
pub mod node_restriction;
mod node_volumes;
mod priority;
mod service_account;
mod storage_protection;

use crate::auth::UserInfo;
use crate::handlers::{Call, Warnings};
use crate::resource::Resource;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

/// One write, as plug-ins see it.
pub struct Attributes<'a> {
    pub operation: Operation,
    pub user: &'a UserInfo,
    pub resource: &'a Arc<Resource>,
    pub namespace: &'a str,
    pub subresource: &'a str,
    pub dry_run: bool,
    pub old: Option<&'a Value>,
    pub warnings: &'a Warnings,
}

#[async_trait]
pub trait Plugin: Send + Sync {
    /// Upstream's name.
    fn name(&self) -> &'static str;

    /// Asked first, so that the others cost nothing.
    fn handles(&self, of: &Attributes<'_>) -> bool;

    /// May change the object.
    ///
    /// # Errors
    /// A refusal, as the client gets it.
    async fn admit(&self, _server: &Server, _of: &Attributes<'_>, _object: &mut Value) -> ApiResult<()> {
        Ok(())
    }

    /// Sees the object as it will be written.
    ///
    /// # Errors
    /// A refusal, as the client gets it.
    async fn validate(&self, _server: &Server, _of: &Attributes<'_>, _object: &Value) -> ApiResult<()> {
        Ok(())
    }
}

/// The plug-ins in their order.
pub fn chain() -> Vec<Box<dyn Plugin>> {
    vec![
        Box::new(namespace_lifecycle::NamespaceLifecycle),
        Box::new(node_restriction::NodeRestriction),
        Box::new(service_account::ServiceAccount),
        Box::new(default_toleration_seconds::DefaultTolerationSeconds),
        Box::new(priority::Priority),
        Box::new(default_storage_class::DefaultStorageClass),
        Box::new(storage_protection::StorageObjectInUseProtection),
        Box::new(certificates::Certificates),
        // Mutating webhooks come here, validating ones and quota at the end.
        Box::new(escalation::Escalation),
    ]
}

impl Server {
    /// Runs the changing half of the chain.
    pub(crate) async fn admit(
        &self,
        call: &Call<'_>,
        operation: Operation,
        object: &mut Value,
        old: Option<&Value>,
    ) -> ApiResult<()> {
        let of = attributes(call, operation, old);
        for plugin in self.admission.iter().filter(|plugin| plugin.handles(&of)) {
            plugin.admit(self, &of, object).await?;
        }
        Ok(())
    }

    /// Runs the refusing half of the chain.
    pub(crate) async fn admit_final(
        &self,
        call: &Call<'_>,
        operation: Operation,
        object: &Value,
        old: Option<&Value>,
    ) -> ApiResult<()> {
        let of = attributes(call, operation, old);
        for plugin in self.admission.iter().filter(|plugin| plugin.handles(&of)) {
            plugin.validate(self, &of, object).await?;
        }
        Ok(())
    }
}

fn attributes<'a>(call: &'a Call<'_>, operation: Operation, old: Option<&'a Value>) -> Attributes<'a> {
    Attributes {
        operation,
        user: call.user,
        resource: &call.resource,
        namespace: call.namespace,
        subresource: call.subresource,
        dry_run: call.params.dry_run,
        old,
        warnings: &call.warnings,
    }
}

/// `pods "x" is forbidden: <why>`, as upstream's plug-ins refuse.
fn forbidden(of: &Attributes<'_>, name: &str, why: &str) -> ApiError {
    let gvr = &of.resource.gvr;
    ApiError::new(Reason::Forbidden, format!("{} {name:?} is forbidden: {why}", gvr.qualified()))
        .with_details(json!({"name": name, "group": gvr.group, "kind": gvr.resource}))
}
