//! The documents as a whole, and the parts clients read.

use super::*;
use crate::protobuf::wire::{Payload, Reader};

fn verbs(list: &str) -> Vec<String> {
    list.split(' ').map(str::to_owned).collect()
}

fn served() -> Vec<Served> {
    let all = verbs("create delete deletecollection get list patch update watch");
    let deployment = ("apps".to_owned(), "v1".to_owned(), "Deployment".to_owned());
    let scale = ("autoscaling".to_owned(), "v1".to_owned(), "Scale".to_owned());
    let custom = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer", "nullable": true, "description": "How big."},
        "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
    }}}});
    vec![
        Served {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            plural: "deployments".into(),
            namespaced: true,
            verbs: all.clone(),
            body: Body::Builtin("io.k8s.api.apps.v1.Deployment".into()),
            subresources: vec![
                Subresource { name: "status".into(), kind: deployment, verbs: verbs("get patch update") },
                Subresource { name: "scale".into(), kind: scale, verbs: verbs("get patch update") },
            ],
        },
        Served {
            group: "example.com".into(),
            version: "v1".into(),
            kind: "Foo".into(),
            plural: "foos".into(),
            namespaced: false,
            verbs: all,
            body: Body::Custom(Some(Arc::new(custom))),
            subresources: vec![],
        },
    ]
}

fn has_field_validation(operation: &Value) -> bool {
    operation["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == "fieldValidation")
}

/// Every reference leads somewhere.
fn check_references(value: &Value, root: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(to)) = map.get("$ref") {
                assert!(root.pointer(to.trim_start_matches('#')).is_some(), "{to} is missing");
            }
            map.values().for_each(|inner| check_references(inner, root));
        }
        Value::Array(list) => list.iter().for_each(|inner| check_references(inner, root)),
        _ => {}
    }
}

#[test]
fn v3_has_what_kubectl_looks_for() {
    let document: Value = serde_json::from_slice(&v3("apps", "v1", &served(), "v1.35.0").unwrap()).unwrap();
    check_references(&document, &document);
    let item = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
    assert!(has_field_validation(&item["patch"]));
    let gvk = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    assert_eq!(item["patch"]["x-kubernetes-group-version-kind"], gvk);
    let schemas = &document["components"]["schemas"];
    let deployment = &schemas["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(deployment["x-kubernetes-group-version-kind"], json!([gvk]));
    let ports = &schemas["io.k8s.api.core.v1.Container"]["properties"]["ports"];
    assert_eq!(ports["x-kubernetes-patch-merge-key"], "containerPort");
    assert_eq!(ports["x-kubernetes-list-map-keys"], json!(["containerPort", "protocol"]));
    let strategy = &schemas["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"];
    assert_eq!(strategy["x-kubernetes-patch-strategy"], "retainKeys");
    assert_eq!(strategy["allOf"][0]["$ref"], "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy");
    let scale = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]["get"];
    assert_eq!(scale["x-kubernetes-group-version-kind"]["kind"], "Scale");
    assert!(v3("batch", "v1", &served(), "").is_none());
}

#[test]
fn descriptions_are_upstreams() {
    let document: Value = serde_json::from_slice(&v3("apps", "v1", &served(), "v1.35.0").unwrap()).unwrap();
    let spec = &document["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"];
    assert!(spec["description"].as_str().unwrap().starts_with("DeploymentSpec is"), "{}", spec["description"]);
    let replicas = spec["properties"]["replicas"]["description"].as_str().unwrap();
    assert!(replicas.starts_with("Number of desired pods."), "{replicas}");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let fields = schemas.values().filter_map(|schema| schema["properties"].as_object()).flatten();
    let without: Vec<_> = fields.filter(|(_, field)| field["description"].as_str().is_none_or(str::is_empty)).collect();
    // Lists and Scale are in no source of descriptions.
    assert!(without.len() < 30, "{without:?}");
}

#[test]
fn v2_and_its_protobuf_agree() {
    let document: Value = serde_json::from_slice(&v2(&served(), "v1.35.0")).unwrap();
    check_references(&document, &document);
    let foo = &document["definitions"]["com.example.v1.Foo"];
    assert_eq!(foo["properties"]["spec"]["properties"]["size"], json!({"description": "How big."}));
    assert_eq!(foo["properties"]["spec"]["properties"]["port"], json!({"x-kubernetes-int-or-string": true}));
    assert!(has_field_validation(&document["paths"]["/apis/example.com/v1/foos/{name}"]["patch"]));

    let bytes = v2_protobuf(&served(), "v1.35.0");
    let parts = |message, wanted| parts(message, wanted).len();
    assert_eq!(parts(part(&bytes, 8), 2), document["paths"].as_object().unwrap().len());
    assert_eq!(parts(part(&bytes, 9), 1), document["definitions"].as_object().unwrap().len());
}

#[test]
fn gnostic_extensions_are_yaml() {
    let bytes = v2_protobuf(&served(), "v1.35.0");
    let definitions = parts(part(&bytes, 9), 1);
    let deployment = definitions.iter().find(|named| part(named, 1) == b"io.k8s.api.apps.v1.Deployment").unwrap();
    let extension = part(part(deployment, 2), 31);
    assert_eq!(part(extension, 1), b"x-kubernetes-group-version-kind");
    let yaml = std::str::from_utf8(part(part(extension, 2), 2)).unwrap();
    assert_eq!(yaml, "[{\"group\":\"apps\",\"kind\":\"Deployment\",\"version\":\"v1\"}]\n");
}

/// All parts of a message under a tag.
fn parts(message: &[u8], wanted: u32) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut reader = Reader(message);
    while let Some((tag, payload)) = reader.next().unwrap() {
        if let (true, Payload::Bytes(inner)) = (tag == wanted, payload) {
            found.push(inner);
        }
    }
    found
}

fn part(message: &[u8], wanted: u32) -> &[u8] {
    parts(message, wanted)[0]
}

/// kubectl takes what a v2 document does not say for forbidden; a free kind says nothing but that it is an object.
#[test]
fn free_kinds_say_nothing_in_v2() {
    let mut served = served();
    let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {"type": "string"}}});
    served[1].body = Body::Custom(Some(Arc::new(free)));
    let document: Value = serde_json::from_slice(&v2(&served, "v1.35.0")).unwrap();
    let known = json!([{"group": "example.com", "kind": "Foo", "version": "v1"}]);
    let expected = json!({"type": "object", "x-kubernetes-group-version-kind": known});
    assert_eq!(document["definitions"]["com.example.v1.Foo"], expected);
    let document: Value = serde_json::from_slice(&v3("example.com", "v1", &served, "v1.35.0").unwrap()).unwrap();
    let foo = &document["components"]["schemas"]["com.example.v1.Foo"]["properties"];
    assert!(foo["apiVersion"]["description"].as_str().unwrap().starts_with("APIVersion defines"));
    assert!(foo["metadata"]["description"].as_str().unwrap().starts_with("Standard object's metadata."));
}
