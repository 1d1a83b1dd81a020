//! What a controller wants done: calls of the API, each with its precondition, and events for people.

use apimachinery::{GroupVersionResource, Object, Value};
use serde_json::json;
use std::time::Duration;

/// The answer of one round.
#[derive(Debug, Default)]
pub struct Plan {
    /// Executed in order; neighbouring creates and deletes run side by side. The first failure ends the round and
    /// the key is tried again later with backoff.
    pub actions: Vec<Action>,
    /// Look again after this time even if nothing changes (deadlines, schedules).
    pub again: Option<Duration>,
}

#[derive(Debug, Clone)]
pub enum Action {
    Create {
        of: &'static GroupVersionResource,
        namespace: String,
        body: Value,
        /// Events about the outcome.
        announce: Option<Announce>,
    },
    /// Replaces the object (or its subresource, as `status`). The body's resourceVersion is the precondition.
    Update { of: &'static GroupVersionResource, subresource: &'static str, body: Value },
    /// A merge patch. Put `metadata.resourceVersion` or `metadata.uid` in the body as the precondition.
    Patch { of: &'static GroupVersionResource, namespace: String, name: String, subresource: &'static str, body: Value },
    /// Deletes this very object; one recreated under the same name has another `uid`. Gone already is no failure.
    Delete {
        of: &'static GroupVersionResource,
        namespace: String,
        name: String,
        uid: String,
        /// None takes the kind's default.
        propagation: Option<&'static str>,
        grace_seconds: Option<i64>,
    },
    /// An event about an object.
    Event { about: Regarding, warning: bool, reason: &'static str, message: String },
}

impl Action {
    /// Deletes this very object, in the way that is its kind's default.
    pub fn delete(of: &'static GroupVersionResource, object: &Object) -> Self {
        Self::delete_by(of, object, None, None)
    }

    pub fn delete_by(
        of: &'static GroupVersionResource,
        object: &Object,
        propagation: Option<&'static str>,
        grace_seconds: Option<i64>,
    ) -> Self {
        let head = &object.head;
        let (namespace, name, uid) = (head.namespace.clone(), head.name.clone(), head.uid.clone());
        Self::Delete { of, namespace, name, uid, propagation, grace_seconds }
    }

    /// A merge patch of this very object.
    pub fn patch(
        of: &'static GroupVersionResource,
        object: &Object,
        subresource: &'static str,
        mut body: Value,
    ) -> Self {
        let head = &object.head;
        if !body["metadata"].is_object() {
            body["metadata"] = json!({});
        }
        body["metadata"]["uid"] = head.uid.as_str().into();
        Self::Patch { of, namespace: head.namespace.clone(), name: head.name.clone(), subresource, body }
    }

    /// A merge patch of this very object as it was seen: for what replaces a list, or builds on what is there.
    pub fn patch_seen(
        of: &'static GroupVersionResource,
        object: &Object,
        subresource: &'static str,
        mut body: Value,
    ) -> Self {
        if !body["metadata"].is_object() {
            body["metadata"] = json!({});
        }
        body["metadata"]["resourceVersion"] = object.head.revision.to_string().into();
        Self::patch(of, object, subresource, body)
    }
}

/// Says about an object how a creation went: `SuccessfulCreate` with the name of what was made, or `FailedCreate` with
/// the API's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announce {
    pub about: Regarding,
    /// `Created pod:`; the name follows.
    pub created: &'static str,
    /// `Error creating:`; the message follows.
    pub failed: &'static str,
}

impl Announce {
    pub fn pod(about: Regarding) -> Self {
        Self { about, created: "Created pod:", failed: "Error creating:" }
    }

    pub fn job(about: Regarding) -> Self {
        Self { about, created: "Created job", failed: "Error creating job:" }
    }
}

/// The object an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regarding {
    pub api_version: String,
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

impl Plan {
    pub fn of(actions: Vec<Action>) -> Self {
        Self { actions, again: None }
    }

    /// Nothing to do.
    pub fn rest() -> Self {
        Self::default()
    }

    /// The sooner of the present time to look again and `after`.
    pub fn look_again(&mut self, after: Duration) {
        self.again = Some(self.again.map_or(after, |now| now.min(after)));
    }
}
