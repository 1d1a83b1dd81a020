//! The patch that makes the status the API has the one that is wanted.

use serde_json::{Map, Value, json};

/// Conditions of ours that are taken away, not made false.
const GONE_WHEN_FALSE: [&str; 2] = ["PodResizePending", "PodResizeInProgress"];

/// Lists that a strategic merge patch merges item by item: an address that the pod no longer has would stay, and the
/// status would differ for ever.
const MERGED: [&str; 2] = ["podIPs", "hostIPs"];

const ENDS: [&str; 2] = ["Succeeded", "Failed"];

/// The fields of a strategic merge patch of a pod's `status`; None if nothing differs. What `wanted` lacks is taken
/// away, but for the end of the pod, whoever wrote it: that is for good.
pub fn status_patch(wanted: &Value, written: &Map<String, Value>) -> Option<Map<String, Value>> {
    let wanted = wanted.as_object()?;
    let mut change = Map::new();
    for (field, value) in wanted {
        let is_ended = field == "phase" && is_end(written.get(field));
        if is_ended || written.get(field) == Some(value) {
            continue;
        }
        let value = match field.as_str() {
            "conditions" => changed_conditions(value, written.get(field)),
            merged if MERGED.contains(&merged) => whole_list(value),
            _ => value.clone(),
        };
        // Conditions in another order are the same.
        if field != "conditions" || value.as_array().is_some_and(|changed| !changed.is_empty()) {
            change.insert(field.clone(), value);
        }
    }
    for field in written.keys().filter(|field| !wanted.contains_key(*field)) {
        change.insert(field.clone(), Value::Null);
    }
    (!change.is_empty()).then_some(change)
}

/// The patch with the fields of [`status_patch`], for the pod of that `uid` as it was at `revision` (its
/// resourceVersion), from where the written status is. Refused with 409 if the pod is another one; and, where it sets
/// a phase that is no end, if the pod has changed since: somebody may have ended it while the patch was under way, and
/// the end would be taken back. Upstream's agent asks for the uid only.
pub fn status_body(uid: &str, revision: u64, change: Map<String, Value>) -> Value {
    let mut metadata = json!({"uid": uid});
    if change.contains_key("phase") && !is_end(change.get("phase")) {
        metadata["resourceVersion"] = revision.to_string().into();
    }
    json!({"metadata": metadata, "status": change})
}

fn is_end(phase: Option<&Value>) -> bool {
    phase.and_then(Value::as_str).is_some_and(|phase| ENDS.contains(&phase))
}

/// In place of the list, not merged into it.
fn whole_list(list: &Value) -> Value {
    list.as_array().into_iter().flatten().cloned().chain([json!({"$patch": "replace"})]).collect()
}

/// Conditions merge by type and field by field: only those that differ, so that nobody else's is written, and with
/// null for what they no longer say.
fn changed_conditions(wanted: &Value, written: Option<&Value>) -> Value {
    let written = written.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let all = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_over = |old: &&Value| {
        GONE_WHEN_FALSE.contains(&old["type"].as_str().unwrap_or_default())
            && !all.iter().any(|condition| condition["type"] == old["type"])
    };
    let over = written.iter().filter(is_over).map(|old| json!({"type": old["type"], "$patch": "delete"}));
    let changed = all.iter().filter(|condition| !written.contains(condition));
    changed
        .map(|condition| {
            let mut condition = condition.clone();
            let before = written.iter().find(|old| old["type"] == condition["type"]).and_then(Value::as_object);
            for field in before.into_iter().flat_map(Map::keys) {
                if condition.get(field).is_none() {
                    condition[field] = Value::Null;
                }
            }
            condition
        })
        .chain(over)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer to a write may be the first to say so.
    #[test]
    fn an_end_is_not_taken_back() {
        let (written, wanted) = (json!({"phase": "Failed"}), json!({"phase": "Running", "podIP": "10.0.0.1"}));
        let patch = status_patch(&wanted, written.as_object().unwrap());
        assert_eq!(Value::from(patch.unwrap()), json!({"podIP": "10.0.0.1"}));
    }

    /// Seed 102446 of the simulation: the pod collector gave the pod up while "Running" was on its way.
    #[test]
    fn an_end_that_comes_in_between_is_not_taken_back() {
        let body = |change: Value| status_body("u", 7, change.as_object().unwrap().clone());
        let running = body(json!({"phase": "Running", "podIP": "10.0.0.1"}));
        assert_eq!(running["metadata"], json!({"uid": "u", "resourceVersion": "7"}));
        assert_eq!(running["status"], json!({"phase": "Running", "podIP": "10.0.0.1"}));
        // These may be written over whatever is there: no need to do it twice.
        assert_eq!(body(json!({"phase": "Failed"}))["metadata"], json!({"uid": "u"}));
        assert_eq!(body(json!({"podIP": "10.0.0.1"}))["metadata"], json!({"uid": "u"}));
    }

    /// Merged into the old address, the new one would leave a difference that is written again and again.
    #[test]
    fn addresses_of_a_new_sandbox_take_the_place_of_the_old_ones() {
        let written = json!({"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]});
        let wanted = json!({"phase": "Running", "podIPs": [{"ip": "10.0.0.2"}]});
        let patch = status_patch(&wanted, written.as_object().unwrap());
        assert_eq!(Value::from(patch.unwrap()), json!({"podIPs": [{"ip": "10.0.0.2"}, {"$patch": "replace"}]}));
        assert!(status_patch(&wanted, wanted.as_object().unwrap()).is_none());
    }
}
