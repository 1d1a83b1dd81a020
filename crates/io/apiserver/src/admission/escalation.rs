//! Nobody hands out more rights than they hold: the check on every write of an RBAC object.
//!
//! Upstream has it in the storage of each of the four kinds (`policybased`); here it is one plug-in.

use super::{Attributes, Operation, Plugin};
use crate::auth::rbac::escalation::{GROUP, Write, check};
use crate::server::Server;
use apimachinery::{ApiResult, Value, meta};
use async_trait::async_trait;

pub struct Escalation;

#[async_trait]
impl Plugin for Escalation {
    fn name(&self) -> &'static str {
        "RBACEscalation"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        of.resource.gvr.group == GROUP && matches!(of.operation, Operation::Create | Operation::Update)
    }

    async fn validate(&self, server: &Server, of: &Attributes<'_>, object: &Value) -> ApiResult<()> {
        let write = Write {
            user: of.user,
            resource: &of.resource.gvr.resource,
            namespace: of.namespace,
            name: meta::name(object),
            new: object,
            old: of.old,
        };
        check(&server.authorizer, &write)
    }
}
