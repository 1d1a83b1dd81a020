//! Kinds whose deletion is not like that of all others.

use super::Habit;
use crate::crd::controller::FINALIZER;
use crate::crd::set_condition as condition;
use crate::handlers::options::Propagation;
use crate::handlers::write::now_text;
use apimachinery::{Value, meta};
use serde_json::json;

/// Pods go gracefully: their containers get time to end.
/// Upstream: `pkg/registry/core/pod/strategy.go` (CheckGracefulDelete).
pub struct Pods;

impl Habit for Pods {
    fn grace(&self, pod: &Value, asked: Option<i64>) -> Option<i64> {
        const DEFAULT_SECONDS: i64 = 30;
        let own = pod["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(DEFAULT_SECONDS);
        let seconds = asked.unwrap_or(own);
        let unbound = pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty();
        let ended = matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
        // A negative period means the shortest, as upstream has it.
        let seconds = if seconds < 0 { 1 } else { seconds };
        Some(if unbound || ended { 0 } else { seconds })
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

/// A namespace waits in `Terminating` until the namespace controller has emptied it.
/// Upstream: `pkg/registry/core/namespace/storage/storage.go` (Delete).
pub struct Namespaces;

impl Habit for Namespaces {
    fn holds(&self, namespace: &Value) -> bool {
        namespace["spec"]["finalizers"].as_array().is_some_and(|held| !held.is_empty())
    }

    fn mark_deleting(&self, namespace: &mut Value) {
        // Namespaces have no grace period; the field is not shown, as upstream.
        meta::remove(namespace, "deletionGracePeriodSeconds");
        if !namespace["status"].is_object() {
            namespace["status"] = json!({});
        }
        namespace["status"]["phase"] = "Terminating".into();
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

/// The pods of a deleted Job stay, unless the client says otherwise.
/// Upstream: `pkg/registry/batch/job/strategy.go` (DefaultGarbageCollectionPolicy).
pub struct Jobs;

impl Habit for Jobs {
    fn default_propagation(&self) -> Propagation {
        Propagation::Orphan
    }
}

/// Answers a delete with the object as it was.
pub struct ReturnsDeleted;

impl Habit for ReturnsDeleted {
    fn returns_deleted(&self) -> bool {
        true
    }
}

/// A definition waits until its objects are gone.
/// Upstream: `apiextensions-apiserver/pkg/registry/customresourcedefinition/etcd.go` (Delete).
pub struct Definitions;

impl Habit for Definitions {
    fn deletion_finalizer(&self) -> Option<&'static str> {
        Some(FINALIZER)
    }

    fn mark_deleting(&self, definition: &mut Value) {
        meta::remove(definition, "deletionGracePeriodSeconds");
        let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
        let mut status = definition["status"].take();
        if !status.is_object() {
            status = json!({});
        }
        condition(&mut status, "Terminating", "True", "InstanceDeletionPending", message, &now_text());
        definition["status"] = status;
    }
}
