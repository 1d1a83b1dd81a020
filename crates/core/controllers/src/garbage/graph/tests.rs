//! The graph, change by change.

use super::*;
use kinds::resources::{PODS, REPLICA_SETS};
use serde_json::json;

fn object(uid: &str, owners: &[&str], finalizer: Option<&str>) -> Object {
    let owners: Vec<_> = owners
        .iter()
        .map(|owner| json!({"uid": owner, "kind": "K", "name": owner, "apiVersion": "v1", "blockOwnerDeletion": true}))
        .collect();
    let mut value = json!({"metadata": {"name": uid, "namespace": "d", "uid": uid, "ownerReferences": owners}});
    if let Some(finalizer) = finalizer {
        value["metadata"]["finalizers"] = json!([finalizer]);
        value["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    Object::from_value(&value).unwrap()
}

fn put(graph: &mut Graph, object: &Object, known: bool) -> String {
    let of = if object.head.uid.starts_with("pod") { &PODS } else { &REPLICA_SETS };
    show(graph.put(&Arc::new(of.clone()), object, known))
}

fn show(attempts: BTreeSet<Attempt>) -> String {
    let one = |attempt| match attempt {
        Attempt::Delete(uid) => format!("delete {uid}"),
        Attempt::Orphan(uid) => format!("orphan {uid}"),
    };
    attempts.into_iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn dependents_are_looked_at_when_the_owner_is_not_known_or_goes() {
    let mut graph = Graph::default();
    assert_eq!(put(&mut graph, &object("pod1", &["rs"], None), false), "delete pod1");
    assert_eq!(put(&mut graph, &object("pod1", &["rs"], None), false), "", "looked at once");
    assert_eq!(put(&mut graph, &object("pod2", &["rs"], None), true), "");
    assert_eq!(show(graph.remove("d", "rs")), "delete pod1, delete pod2");
    assert!(graph.is_absent("d", "rs") && !graph.is_absent("e", "rs"));
}

#[test]
fn objects_without_owners_cost_nothing() {
    let mut graph = Graph::default();
    put(&mut graph, &object("rs", &[], None), true);
    assert!(graph.is_empty());
    put(&mut graph, &object("pod", &["rs"], None), true);
    put(&mut graph, &object("pod", &[], None), true);
    assert!(graph.is_empty() && graph.dependents.is_empty());
}

#[test]
fn an_owner_waits_for_those_that_block() {
    let mut graph = Graph::default();
    put(&mut graph, &object("pod", &["rs"], None), true);
    assert_eq!(put(&mut graph, &object("rs", &[], Some(FOREGROUND)), true), "delete pod, delete rs");
    assert_eq!(graph.work(&Attempt::Delete("rs".into())).unwrap().blocking, [Uid::from("pod")]);
    assert_eq!(show(graph.remove("d", "pod")), "delete rs");
    assert!(graph.work(&Attempt::Delete("rs".into())).unwrap().blocking.is_empty());
}

#[test]
fn one_that_goes_anyhow_is_left_alone() {
    let mut graph = Graph::default();
    put(&mut graph, &object("pod", &["rs"], Some("example.com/own")), false);
    assert!(graph.work(&Attempt::Delete("pod".into())).is_none());
}

#[test]
fn orphaning_names_the_dependents() {
    let mut graph = Graph::default();
    put(&mut graph, &object("pod", &["rs"], None), true);
    assert_eq!(put(&mut graph, &object("rs", &[], Some(ORPHAN)), true), "orphan rs");
    assert_eq!(graph.work(&Attempt::Orphan("rs".into())).unwrap().dependents[0].name, "pod");
}

#[test]
fn a_resource_that_is_served_no_more_takes_its_dependents_along() {
    let mut graph = Graph::default();
    put(&mut graph, &object("rs", &["deployment"], None), true);
    put(&mut graph, &object("pod", &["rs"], None), true);
    assert_eq!(show(graph.remove_resource(&REPLICA_SETS)), "delete pod");
}

#[test]
fn what_went_while_changes_were_missed_holds_nobody() {
    let mut graph = Graph::default();
    put(&mut graph, &object("pod1", &["rs"], Some("example.com/own")), true);
    put(&mut graph, &object("pod2", &["rs"], None), true);
    put(&mut graph, &object("rs", &[], Some(FOREGROUND)), true);
    let attempts = graph.keep(&PODS, &BTreeSet::from(["pod2"]));
    assert_eq!(show(attempts), "delete rs", "pod1 was being deleted: no attempt would find out that it is gone");
    assert_eq!(graph.work(&Attempt::Delete("rs".into())).unwrap().blocking, [Uid::from("pod2")]);
    assert_eq!(show(graph.keep(&PODS, &BTreeSet::new())), "delete rs");
    assert!(graph.work(&Attempt::Delete("rs".into())).unwrap().blocking.is_empty());
}

#[test]
fn a_change_may_tell_of_another_object_of_the_name() {
    let (one, other) = (object("node1", &[], None), object("node2", &[], None));
    let uid = |gone: Option<&Object>| gone.map(|gone| gone.head.uid.clone());
    assert_eq!(uid(gone(Some(&one), None)).as_deref(), Some("node1"));
    assert_eq!(uid(gone(Some(&one), Some(&other))).as_deref(), Some("node1"));
    assert_eq!(uid(gone(Some(&one), Some(&one))), None);
    assert_eq!(uid(gone(None, Some(&one))), None);
}
