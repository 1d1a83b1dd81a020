//! Structural schemas: parsing, pruning, defaulting, validation.

use super::*;
use crate::Finding;
use expect_test::{Expect, expect};
use serde_json::json;

const PATH: &str = "spec.versions[0].schema.openAPIV3Schema";

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|found| format!("{}: {}\n", found.field, found.message)).collect()
}

#[track_caller]
fn refused(schema: Value, expected: Expect) {
    expected.assert_eq(&lines(&Structural::parse(&schema, PATH).unwrap_err()).replace(PATH, "@"));
}

/// Schema of `spec`.
fn spec(properties: Value) -> Structural {
    let spec = json!({"type": "object", "properties": properties});
    Structural::parse(&json!({"type": "object", "properties": {"spec": spec}}), PATH).unwrap()
}

#[track_caller]
fn wrong(schema: Value, value: Value, expected: Expect) {
    let mut found = Vec::new();
    spec(json!({"x": schema}))
        .validate(&json!({"kind": "K", "metadata": {"name": "n"}, "spec": {"x": value}}), &mut found);
    expected.assert_eq(&lines(&found));
}

#[test]
fn schemas_without_structure_are_refused() {
    refused(
        json!({"properties": {
            "spec": {"properties": {"list": {"type": "array"}, "items": {"type": "array", "items": {}}}},
            "metadata": {"type": "object", "properties": {"labels": {"type": "object"}}},
        }}),
        expect![[r#"
            @.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified
            @.properties[spec].properties[items].items.type: Required value: must not be empty for specified array items
            @.properties[spec].properties[list].items: Required value: must be specified
            @.properties[spec].type: Required value: must not be empty for specified object fields
            @.type: Required value: must not be empty at the root
        "#]],
    );
}

#[test]
fn nested_contexts_only_check_values() {
    refused(
        json!({"type": "object", "anyOf": [{"type": "string", "properties": {"a": {"minimum": 1}}}], "not": {"default": 1}}),
        expect![[r#"
            @.anyOf[0].type: Forbidden: must be empty to be structural
            @.not.default: Forbidden: must be undefined to be structural
            @.properties[a]: Required value: because it is defined in @.anyOf[0].properties[a]
        "#]],
    );
}

#[test]
fn list_maps_need_their_keys() {
    refused(
        json!({"type": "object", "properties": {
            "a": {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}},
            "b": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                  "items": {"type": "object", "properties": {"k": {"type": "string"}}}},
        }}),
        expect![[r#"
            @.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map
            @.properties[b].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property
        "#]],
    );
}

#[test]
fn int_or_string_may_repeat_its_types() {
    let port = json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]});
    wrong(port.clone(), json!(80), expect![""]);
    wrong(port.clone(), json!("http"), expect![""]);
    wrong(
        port,
        json!(true),
        expect![[r#"
        spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"
    "#]],
    );
}

#[test]
fn types_and_limits() {
    let replicas = json!({"type": "integer", "minimum": 1, "maximum": 5, "format": "int32"});
    wrong(
        replicas.clone(),
        json!("3"),
        expect![[r#"
        spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"
    "#]],
    );
    wrong(
        replicas.clone(),
        json!(0),
        expect![[r#"
        spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1
    "#]],
    );
    wrong(
        replicas,
        json!(7),
        expect![[r#"
        spec.x: Invalid value: 7: spec.x in body should be less than or equal to 5
    "#]],
    );
    wrong(
        json!({"type": "string", "enum": ["a", "b"]}),
        json!("c"),
        expect![[r#"
        spec.x: Unsupported value: "c": supported values: "a", "b"
    "#]],
    );
    let name = json!({"type": "string", "pattern": "^[a-z]+$", "minLength": 3, "maxLength": 5});
    wrong(
        name.clone(),
        json!("A"),
        expect![[r#"
        spec.x: Invalid value: "A": spec.x in body should be at least 3 chars long
        spec.x: Invalid value: "A": spec.x in body should match '^[a-z]+$'
    "#]],
    );
    wrong(
        name,
        json!("abcdef"),
        expect![[r#"
        spec.x: Too long: may not be more than 5 bytes
    "#]],
    );
    wrong(
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        json!({}),
        expect![[r#"
        spec.x.a: Required value
    "#]],
    );
    wrong(
        json!({"type": "string", "format": "date-time"}),
        json!("today"),
        expect![[r#"
        spec.x: Invalid value: "today": spec.x in body must be of type date-time: "today"
    "#]],
    );
    wrong(
        json!({"type": "string"}),
        json!(null),
        expect![[r#"
        spec.x: Invalid value: "null": spec.x in body must be of type string: "null"
    "#]],
    );
    wrong(json!({"type": "string", "nullable": true}), json!(null), expect![""]);
}

#[test]
fn lists() {
    let list = |rest: Value| {
        let mut schema = json!({"type": "array", "items": {"type": "string"}, "maxItems": 3});
        schema.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        schema
    };
    wrong(
        list(json!({"x-kubernetes-list-type": "set"})),
        json!(["a", "b", "a"]),
        expect![[r#"
        spec.x[2]: Duplicate value: "a"
    "#]],
    );
    wrong(
        list(json!({"minItems": 1})),
        json!([]),
        expect![[r#"
        spec.x: Invalid value: 0: spec.x in body should have at least 1 items
    "#]],
    );
    wrong(
        list(json!({})),
        json!(["a", 1, "b", "c"]),
        expect![[r#"
        spec.x: Too many: 4: must have at most 3 items
        spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer"
    "#]],
    );
    let items = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}});
    let map = json!({"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]});
    wrong(
        map,
        json!([{"name": "a"}, {"name": "a"}]),
        expect![[r#"
        spec.x[1]: Duplicate value: {"name":"a"}
    "#]],
    );
}

#[test]
fn junctors() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    wrong(schema.clone(), json!({"a": ""}), expect![""]);
    wrong(
        schema.clone(),
        json!({}),
        expect![[r#"
        <nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found none valid
        spec.x.a: Required value
    "#]],
    );
    wrong(
        schema,
        json!({"a": "", "b": ""}),
        expect![[r#"
        <nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives
    "#]],
    );
    wrong(
        json!({"type": "integer", "not": {"enum": [1]}}),
        json!(1),
        expect![[r#"
        <nil>: Invalid value: "": "spec.x" must not validate the schema (not)
    "#]],
    );
    wrong(
        json!({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 1}]}),
        json!(3),
        expect![[r#"
        <nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)
        spec.x: Invalid value: 3: spec.x in body should be greater than or equal to 5
    "#]],
    );
}

#[test]
fn pruning_tells_what_it_drops() {
    let schema = spec(json!({
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
    }));
    let mut value = json!({"kind": "K", "metadata": {"name": "x"}, "extra": 1, "spec": {
        "free": {"y": 1}, "map": {"k": {"a": "", "b": 1}}, "list": [{}, {"c": 1}], "gone": {},
    }});
    let dropped = schema.prune(&mut value);
    assert_eq!(dropped, ["extra", "spec.gone", "spec.list[1].c", "spec.map.k.b"]);
    assert_eq!(value["spec"], json!({"free": {"y": 1}, "map": {"k": {"a": ""}}, "list": [{}, {}]}));
    assert_eq!(value["metadata"], json!({"name": "x"}));
}

#[test]
fn defaults_fill_what_is_absent() {
    let schema = spec(json!({
        "replicas": {"type": "integer", "default": 1},
        "deep": {"type": "object", "default": {}, "properties": {"a": {"type": "string", "default": "x"}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"p": {"type": "string", "default": "TCP"}}}},
        "null": {"type": "string", "nullable": true, "default": "d"},
        "none": {"type": "string"},
    }));
    let mut value = json!({"spec": {"replicas": null, "list": [{}], "null": null, "none": null}});
    schema.set_defaults(&mut value);
    let expected = json!({"replicas": 1, "deep": {"a": "x"}, "list": [{"p": "TCP"}], "null": null});
    assert_eq!(value["spec"], expected);
}

#[test]
fn views_know_metadata_and_list_keys() {
    let schema = spec(json!({"list": {
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    }, "rule": {"type": "string", "x-kubernetes-validations": [{"rule": "self != ''"}]}}));
    assert!(schema.has_cel_rules());
    let view = schema.view();
    let list = view.field("spec").unwrap().field("list").unwrap();
    assert_eq!(list.shape(), Shape::List(ListType::Map(Keys::Custom(&["name".to_owned()]))));
    assert!(view.field("metadata").unwrap().field("ownerReferences").is_some());
    assert!(view.field("nonsense").is_none());
}
