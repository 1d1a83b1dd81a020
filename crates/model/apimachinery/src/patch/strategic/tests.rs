//! Strategic merge patches, case by case.

use super::*;
use expect_test::{Expect, expect};
use serde_json::json;

#[track_caller]
fn check(original: Value, patch: Value, expected: Expect) {
    let schema = schema::builtin("io.k8s.api.apps.v1.Deployment").expect("the schema table has Deployments");
    let shown = apply(original, &patch, schema).map_or_else(|error| error.to_string(), |value| value.to_string());
    expected.assert_eq(&shown);
}

/// A Deployment whose pod has this spec.
fn pod(spec: Value) -> Value {
    json!({"spec": {"template": {"spec": spec}}})
}

/// Checks a patch of the pod's spec, showing only that.
#[track_caller]
fn check_pod(original: Value, patch: Value, expected: Expect) {
    let schema = schema::builtin("io.k8s.api.apps.v1.Deployment").expect("the schema table has Deployments");
    let shown = match apply(pod(original), &pod(patch), schema) {
        Ok(value) => value["spec"]["template"]["spec"].to_string(),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn maps_merge_and_nulls_remove() {
    check(
        json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"replicas": 1}}),
        json!({"metadata": {"labels": {"a": null, "c": "3", "d": null}}, "spec": {"replicas": 2}}),
        expect![[r#"{"metadata":{"labels":{"b":"2","c":"3"}},"spec":{"replicas":2}}"#]],
    );
}

#[test]
fn keyed_lists_merge() {
    check_pod(
        json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}),
        json!({"containers": [{"name": "c", "image": null, "env": []}, {"name": "a", "image": "2"}]}),
        expect![[r#"{"containers":[{"env":[],"name":"c"},{"image":"2","name":"a"},{"image":"1","name":"b"}]}"#]],
    );
}

#[test]
fn items_are_deleted_and_lists_replaced() {
    let containers = || json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]});
    check_pod(
        containers(),
        json!({"containers": [{"name": "a", "$patch": "delete"}]}),
        expect![[r#"{"containers":[{"image":"1","name":"b"}]}"#]],
    );
    check_pod(
        containers(),
        json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}),
        expect![[r#"{"containers":[{"name":"c"}]}"#]],
    );
    check_pod(
        containers(),
        json!({"$patch": "replace", "dnsPolicy": "Default"}),
        expect![[r#"{"dnsPolicy":"Default"}"#]],
    );
    check_pod(containers(), json!({"$patch": "delete"}), expect!["{}"]);
}

#[test]
fn order_directives() {
    check_pod(
        json!({"containers": [{"name": "a"}, {"name": "x"}, {"name": "b"}]}),
        json!({
            "$setElementOrder/containers": [{"name": "b"}, {"name": "n"}, {"name": "a"}],
            "containers": [{"name": "n", "image": "1"}],
        }),
        expect![[r#"{"containers":[{"name":"x"},{"name":"b"},{"image":"1","name":"n"},{"name":"a"}]}"#]],
    );
    check_pod(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        expect![[r#"{"containers":[{"name":"b"},{"name":"a"}]}"#]],
    );
    check_pod(
        json!({}),
        json!({
            "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
            "containers": [{"name": "b"}, {"name": "a"}],
        }),
        expect![[r#"
            The order in patch list:
            [map[name:b] map[name:a]]
             doesn't match $setElementOrder list:
            [map[name:a] map[name:b]]
        "#]],
    );
}

#[test]
fn sets_of_scalars() {
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    check(
        finalizers(json!(["a", "b"])),
        finalizers(json!(["c", "a"])),
        expect![[r#"{"metadata":{"finalizers":["c","a","b"]}}"#]],
    );
    check(
        finalizers(json!(["a", "b", "c"])),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"], "$setElementOrder/finalizers": ["c", "a"]}}),
        expect![[r#"{"metadata":{"finalizers":["c","a"]}}"#]],
    );
}

#[test]
fn atomic_lists_are_replaced() {
    check_pod(
        json!({"containers": [{"name": "a", "args": ["1", "2"]}]}),
        json!({"containers": [{"name": "a", "args": ["3"]}]}),
        expect![[r#"{"containers":[{"args":["3"],"name":"a"}]}"#]],
    );
}

#[test]
fn retained_keys() {
    check(
        json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}),
        json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        expect![[r#"{"spec":{"strategy":{"type":"Recreate"}}}"#]],
    );
    check(
        json!({"spec": {"strategy": {}}}),
        json!({"spec": {"strategy": {"$retainKeys": ["rollingUpdate"], "type": "Recreate"}}}),
        expect!["invalid patch format of retainKeys"],
    );
}

#[test]
fn refusals() {
    check_pod(
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"image": "1", "ports": [{"containerPort": 1}]}]}),
        expect!["map: map[image:1 ports:[map[containerPort:1]]] does not contain declared merge key: name"],
    );
    check(
        json!({"spec": {}}),
        json!({"spec": {"$patch": "merge", "a": 1}}),
        expect!["unknown patch type: merge in map: map[$patch:merge a:1]"],
    );
    check(
        json!({}),
        json!([]),
        expect!["error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"],
    );
}
