//! What must hold of any documents: laws of comparing, merging and applying, tried on random ones.

use super::*;
use proptest::prelude::*;

fn schema() -> SchemaRef<'static> {
    schema::builtin("io.k8s.api.apps.v1.Deployment").expect("the schema table has Deployments")
}

/// A Deployment with some labels, containers with some fields, and an atomic list.
fn document() -> impl Strategy<Value = Value> {
    let words = |names: &'static str| proptest::collection::btree_map(names, "[xyz]", 0..3);
    let container = (words("[abc]"), proptest::option::of("[12]"), proptest::collection::vec("[pq]", 0..3));
    let containers = proptest::collection::btree_map("[klm]", container, 0..3);
    (words("[abc]"), proptest::option::of(0..3i32), containers, any::<bool>()).prop_map(
        |(labels, replicas, containers, reversed): (
            std::collections::BTreeMap<String, String>,
            Option<i32>,
            _,
            bool,
        )| {
            let containers: std::collections::BTreeMap<String, Parts> = containers;
            let mut list: Vec<Value> = containers.into_iter().map(container_of).collect();
            if reversed {
                list.reverse();
            }
            let mut document = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}});
            if !labels.is_empty() {
                document["metadata"]["labels"] = json!(labels);
            }
            // An empty keyed list belongs to nobody, here as upstream.
            if !list.is_empty() {
                document["spec"] = json!({"template": {"spec": {"containers": list}}});
            }
            if let Some(replicas) = replicas {
                document["spec"]["replicas"] = replicas.into();
            }
            document
        },
    )
}

type Parts = (std::collections::BTreeMap<String, String>, Option<String>, Vec<String>);

fn container_of((name, (env, image, args)): (String, Parts)) -> Value {
    let env: Vec<Value> = env.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let mut container = json!({"name": name});
    if !env.is_empty() {
        container["env"] = env.into();
    }
    if let Some(image) = image {
        container["image"] = image.into();
    }
    if !args.is_empty() {
        container["args"] = args.into();
    }
    container
}

fn writer(manager: &'static str, now: &'static str) -> Writer<'static> {
    Writer { manager, api_version: "apps/v1", subresource: "", now, reset: &[] }
}

/// Applies regardless of conflicts.
fn forced(live: Option<&Value>, patch: &Value, manager: &'static str, now: &'static str) -> Value {
    apply(live, patch, schema(), &writer(manager, now), true).expect("force takes all")
}

proptest! {
    #[test]
    fn a_document_is_like_itself(a in document(), b in document()) {
        prop_assert!(compare(&a, &a, schema()).is_same());
        let (forth, back) = (compare(&a, &b, schema()), compare(&b, &a, schema()));
        prop_assert_eq!(forth.added, back.removed);
        prop_assert_eq!(forth.modified, back.modified);
    }

    #[test]
    fn a_merge_keeps_both_and_prefers_the_new(a in document(), b in document()) {
        let merged = merge::merge(&a, &b, schema());
        let set = to_field_set(&merged, schema());
        prop_assert!(to_field_set(&b, schema()).is_subset(&set));
        let changes = compare(&b, &merged, schema());
        prop_assert!(changes.modified.is_empty() && changes.removed.is_empty());
        prop_assert_eq!(merge::merge(&merged, &b, schema()), merged);
    }

    #[test]
    fn applying_twice_is_applying_once(a in document(), b in document()) {
        let mut live = a;
        update(None, &mut live, schema(), &writer("first", "t1"));
        let once = forced(Some(&live), &b, "second", "t2");
        prop_assert_eq!(&forced(Some(&once), &b, "second", "t3"), &once);
    }

    #[test]
    fn what_only_one_applied_goes_when_it_is_given_up(a in document(), b in document()) {
        let nothing = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}});
        let alone = forced(None, &a, "first", "t1");
        let both = forced(Some(&alone), &b, "second", "t2");
        let left = forced(Some(&both), &nothing, "first", "t3");
        let last = forced(Some(&left), &nothing, "second", "t4");
        let owned = to_field_set(&left, schema());
        prop_assert!(stripped(owned).is_subset(&stripped(to_field_set(&b, schema()))));
        prop_assert_eq!(last, nothing);
    }

    #[test]
    fn every_field_of_a_new_object_has_one_owner(a in document(), b in document()) {
        let mut live = a.clone();
        update(None, &mut live, schema(), &writer("first", "t1"));
        let mut next = b.clone();
        meta::set(&mut next, "managedFields", live["metadata"]["managedFields"].clone());
        update(Some(&live), &mut next, schema(), &writer("second", "t2"));
        let managed = Managed::of(&next);
        prop_assert!(stripped(to_field_set(&b, schema())).is_subset(&managed.union()));
        if let [one, two] = managed.entries.as_slice() {
            prop_assert!(one.set().is_disjoint(&two.set()));
        }
    }
}
