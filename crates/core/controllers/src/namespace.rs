//! The end of a namespace: what is deleted in which order, and what its conditions say meanwhile.
//!
//! Upstream: `pkg/controller/namespace/deletion` (namespaced_resources_deleter.go, status_condition_utils.go).

use apimachinery::{Object, Value, time};
use serde_json::json;
use std::collections::BTreeMap;
use stdx::Timestamp;

/// What a pass over the namespace's contents found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Why the resources could not be listed.
    pub discovery: Option<String>,
    /// What could not be deleted, and why.
    pub failures: Vec<String>,
    /// Objects left, by resource (`pods.`, `deployments.apps`).
    pub remaining: BTreeMap<String, usize>,
    /// Objects left, by the finalizer that holds them.
    pub finalizers: BTreeMap<String, usize>,
}

impl Progress {
    /// Counts an object that is still there.
    pub fn left(&mut self, resource: &str, object: &Object) {
        *self.remaining.entry(resource.to_owned()).or_default() += 1;
        for finalizer in &object.head.finalizers {
            *self.finalizers.entry(finalizer.clone()).or_default() += 1;
        }
    }

    /// Nothing is left and nothing went wrong.
    pub fn is_done(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether the namespace waits for us to empty it.
pub fn is_ours(namespace: &Object) -> bool {
    namespace.head.is_deleting()
        && finalizers(&namespace.to_value()).any(|held| held == kinds::corev1::namespace::FINALIZER)
}

/// The body for `namespaces/finalize` that lets go of the namespace.
pub fn finalized(namespace: &Object) -> Value {
    let mut body = namespace.to_value();
    let rest: Vec<String> =
        finalizers(&body).filter(|held| *held != kinds::corev1::namespace::FINALIZER).map(str::to_owned).collect();
    body["spec"]["finalizers"] = json!(rest);
    body
}

fn finalizers(namespace: &Value) -> impl Iterator<Item = &str> {
    namespace["spec"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The status to write; None if the namespace says so already.
pub fn status(namespace: &Object, progress: &Progress, now: Timestamp) -> Option<Value> {
    let old = namespace.to_value()["status"].clone();
    let before = old["conditions"].as_array().cloned().unwrap_or_default();
    let conditions: Vec<Value> = conditions(progress).into_iter().map(|new| dated(new, &before, now)).collect();
    let status = json!({"phase": "Terminating", "conditions": conditions});
    (status != old).then_some(status)
}

/// Keeps the time at which a condition's status last changed.
fn dated(mut new: Value, before: &[Value], now: Timestamp) -> Value {
    let same = before.iter().find(|old| old["type"] == new["type"] && old["status"] == new["status"]);
    new["lastTransitionTime"] = match same {
        Some(old) => old["lastTransitionTime"].clone(),
        None => time::format_seconds(now.secs()).into(),
    };
    new
}

fn conditions(progress: &Progress) -> [Value; 5] {
    let Progress { discovery, failures, remaining, finalizers } = progress;
    [
        condition(
            "NamespaceDeletionDiscoveryFailure",
            discovery
                .as_ref()
                .map(|why| ("DiscoveryFailed", format!("Discovery failed for some groups, 1 failing: {why}"))),
            ("ResourcesDiscovered", "All resources successfully discovered"),
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        condition(
            "NamespaceDeletionContentFailure",
            (!failures.is_empty()).then(|| {
                let text = format!(
                    "Failed to delete all resource types, {} remaining: {}",
                    failures.len(),
                    failures.join(", ")
                );
                ("ContentDeletionFailed", text)
            }),
            ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        condition(
            "NamespaceContentRemaining",
            (!remaining.is_empty()).then(|| {
                let each = remaining.iter().map(|(of, count)| format!("{of} has {count} resource instances"));
                let text = format!("Some resources are remaining: {}", each.collect::<Vec<_>>().join(", "));
                ("SomeResourcesRemain", text)
            }),
            ("ContentRemoved", "All content successfully removed"),
        ),
        condition(
            "NamespaceFinalizersRemaining",
            (!finalizers.is_empty()).then(|| {
                let each = finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances"));
                let each = each.collect::<Vec<_>>().join(", ");
                let text = format!("Some content in the namespace has finalizers remaining: {each}");
                ("SomeFinalizersRemain", text)
            }),
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ),
    ]
}

fn condition(name: &str, trouble: Option<(&str, String)>, well: (&str, &str)) -> Value {
    match trouble {
        Some((reason, message)) => json!({"type": name, "status": "True", "reason": reason, "message": message}),
        None => json!({"type": name, "status": "False", "reason": well.0, "message": well.1}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(status: Value) -> Object {
        Object::from_value(&json!({
            "metadata": {"name": "a", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"finalizers": ["kubernetes", "example.com/other"]}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn says_what_is_left_and_what_holds_it() {
        let mut progress = Progress::default();
        let held = json!({"metadata": {"name": "x", "finalizers": ["example.com/hold"]}});
        progress.left("pods.", &Object::from_value(&held).unwrap());
        let status = status(&namespace(json!({"phase": "Terminating"})), &progress, Timestamp::from_secs(0)).unwrap();
        let text = |n: usize| status["conditions"][n]["message"].as_str().unwrap().to_owned();
        assert_eq!(text(3), "Some resources are remaining: pods. has 1 resource instances");
        assert_eq!(
            text(4),
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
        );
        assert_eq!(status["conditions"][0]["status"], "False");
        assert_eq!(super::status(&namespace(status.clone()), &progress, Timestamp::from_secs(9)), None, "said already");
        let later = super::status(&namespace(status), &Progress::default(), Timestamp::from_secs(9)).unwrap();
        assert_eq!(later["conditions"][3]["lastTransitionTime"], "1970-01-01T00:00:09Z");
        assert_eq!(later["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z");
    }

    #[test]
    fn lets_go_of_its_own_finalizer_only() {
        let namespace = namespace(json!({}));
        assert!(is_ours(&namespace));
        assert_eq!(finalized(&namespace)["spec"]["finalizers"], json!(["example.com/other"]));
    }
}
