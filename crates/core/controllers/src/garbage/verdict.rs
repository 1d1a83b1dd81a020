//! What becomes of one object, given what its owners are.
//!
//! Upstream: `attemptToDeleteItem`, `classifyReferences`, `patch.go`.

use super::{FOREGROUND, ORPHAN, Work};
use apimachinery::{Object, Value};
use serde_json::json;

/// What a live read said about an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerState {
    /// It is there, and not waiting for us.
    Solid,
    /// It is being deleted and waits for its dependents.
    Waiting,
    /// Not there, or another object of that name.
    Absent,
    /// A namespaced kind named by a cluster-scoped object: nobody can say which one is meant.
    Unresolvable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    /// Some owners are there still: forget the others (by uid).
    Forget(Vec<String>),
    Delete {
        propagation: &'static str,
        /// Part of a circle of foreground deletions: first say that we hold up nobody.
        unblock: bool,
    },
}

/// `states` are those of the object's `ownerReferences`, in order.
pub fn judge(object: &Object, states: &[OwnerState], work: &Work) -> Verdict {
    let owners = &object.head.owner_references;
    if owners.is_empty() || states.contains(&OwnerState::Unresolvable) {
        return Verdict::Keep;
    }
    if states.contains(&OwnerState::Solid) {
        let lost = owners.iter().zip(states).filter(|(_, state)| **state != OwnerState::Solid);
        let lost: Vec<String> = lost.map(|(owner, _)| owner.uid.clone()).collect();
        return if lost.is_empty() { Verdict::Keep } else { Verdict::Forget(lost) };
    }
    if states.contains(&OwnerState::Waiting) && !work.dependents.is_empty() {
        return Verdict::Delete { propagation: "Foreground", unblock: work.has_waiting_dependent };
    }
    let has = |finalizer: &str| object.head.finalizers.iter().any(|own| own == finalizer);
    let propagation = match () {
        () if has(ORPHAN) => "Orphan",
        () if has(FOREGROUND) => "Foreground",
        () => "Background",
    };
    Verdict::Delete { propagation, unblock: false }
}

/// A merge patch that takes owners (by uid) off; it fails if the object changed since it was read.
pub fn without_owners(object: &Object, uids: &[String]) -> Value {
    let mut owners = owner_references(object);
    owners.retain(|owner| !uids.iter().any(|uid| owner["uid"] == **uid));
    patch(object, "ownerReferences", owners)
}

/// A merge patch after which the object holds up no owner's deletion.
pub fn unblock_owners(object: &Object) -> Value {
    let mut owners = owner_references(object);
    for owner in &mut owners {
        owner["blockOwnerDeletion"] = false.into();
    }
    patch(object, "ownerReferences", owners)
}

/// A merge patch that takes a finalizer off.
pub fn without_finalizer(object: &Object, finalizer: &str) -> Value {
    let rest = object.head.finalizers.iter().filter(|own| *own != finalizer);
    patch(object, "finalizers", rest.map(|own| own.as_str().into()).collect())
}

fn owner_references(object: &Object) -> Vec<Value> {
    object.to_value()["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default()
}

fn patch(object: &Object, field: &str, list: Vec<Value>) -> Value {
    let list = if list.is_empty() { Value::Null } else { list.into() };
    let head = &object.head;
    json!({"metadata": {"uid": head.uid, "resourceVersion": head.revision.to_string(), field: list}})
}

#[cfg(test)]
mod tests {
    use super::super::{Identity, Uid};
    use super::OwnerState::{Absent, Solid, Unresolvable, Waiting};
    use super::*;
    use kinds::resources::PODS;
    use std::sync::Arc;

    fn pod(owners: usize, finalizers: &[&str]) -> Object {
        let owners: Vec<Value> = (0..owners)
            .map(|n| json!({"uid": format!("u{n}"), "name": "o", "kind": "K", "apiVersion": "v1", "extra": 1}))
            .collect();
        let value = json!({"metadata": {
            "name": "x", "uid": "x", "resourceVersion": "7", "ownerReferences": owners, "finalizers": finalizers,
        }});
        Object::from_value(&value).unwrap()
    }

    fn work(dependents: usize) -> Work {
        let object =
            Identity { of: Arc::new(PODS.clone()), namespace: String::new(), name: "x".into(), uid: Uid::from("x") };
        let dependents = vec![object.clone(); dependents];
        Work { object, dependents, blocking: Vec::new(), has_waiting_dependent: false }
    }

    fn delete(propagation: &'static str) -> Verdict {
        Verdict::Delete { propagation, unblock: false }
    }

    #[test]
    fn goes_when_the_last_owner_is_gone() {
        assert_eq!(judge(&pod(2, &[]), &[Absent, Absent], &work(0)), delete("Background"));
        assert_eq!(judge(&pod(2, &[]), &[Absent, Solid], &work(0)), Verdict::Forget(vec!["u0".into()]));
        assert_eq!(judge(&pod(1, &[]), &[Solid], &work(0)), Verdict::Keep);
        assert_eq!(judge(&pod(0, &[]), &[], &work(0)), Verdict::Keep);
        assert_eq!(judge(&pod(2, &[]), &[Unresolvable, Absent], &work(0)), Verdict::Keep);
    }

    #[test]
    fn own_finalizers_say_how_it_goes() {
        assert_eq!(judge(&pod(1, &[ORPHAN]), &[Absent], &work(1)), delete("Orphan"));
        assert_eq!(judge(&pod(1, &[FOREGROUND]), &[Absent], &work(1)), delete("Foreground"));
    }

    #[test]
    fn an_owner_that_waits_takes_everything_below_along() {
        assert_eq!(judge(&pod(1, &[]), &[Waiting], &work(1)), delete("Foreground"));
        assert_eq!(judge(&pod(1, &[]), &[Waiting], &work(0)), delete("Background"));
        let circle = Work { has_waiting_dependent: true, ..work(1) };
        let verdict = Verdict::Delete { propagation: "Foreground", unblock: true };
        assert_eq!(judge(&pod(1, &[]), &[Waiting], &circle), verdict);
    }

    #[test]
    fn patches_carry_their_precondition_and_keep_the_rest() {
        let patch = without_owners(&pod(2, &[]), &["u0".into()]);
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!(patch["metadata"]["ownerReferences"][0]["extra"], 1);
        assert_eq!(without_owners(&pod(1, &[]), &["u0".into()])["metadata"]["ownerReferences"], Value::Null);
        assert_eq!(without_finalizer(&pod(0, &[ORPHAN, "a/b"]), ORPHAN)["metadata"]["finalizers"], json!(["a/b"]));
        assert_eq!(unblock_owners(&pod(1, &[]))["metadata"]["ownerReferences"][0]["blockOwnerDeletion"], false);
    }
}
