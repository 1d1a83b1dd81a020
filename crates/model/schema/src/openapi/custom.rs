//! Definitions of custom resources.
//!
//! Upstream: `apiextensions-apiserver/pkg/controller/openapi/builder`, `v2/conversion.go`.

use super::definitions::META;
use super::{Served, Style};
use serde_json::{Map, Value, json};

// The words of `metav1.TypeMeta`, which kubectl explain shows and people look for.
const CONVENTIONS: &str = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values.";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase.";
const OBJECT_META: &str = "Standard object's metadata.";
const LIST_META: &str = "Standard list metadata.";

/// `com.example.v1.Foo` for kind Foo of `example.com/v1`.
pub fn name(served: &Served) -> String {
    let mut group: Vec<&str> = served.group.split('.').collect();
    group.reverse();
    format!("{}.{}.{}", group.join("."), served.version, served.kind)
}

pub fn definitions(served: &Served, schema: Option<&Value>, style: Style, add: &mut dyn FnMut(&str, &Value)) {
    let preserves = |schema: &&Value| schema["x-kubernetes-preserve-unknown-fields"] == true;
    // A v2 schema that says more makes kubectl refuse all else.
    let said = schema.filter(|schema| style == Style::V3 || !preserves(schema));
    let mut root = said.cloned().unwrap_or_else(|| json!({"type": "object"}));
    if style == Style::V2 {
        make_v2(&mut root);
    }
    let Value::Object(map) = &mut root else { return };
    if said.is_some() {
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        properties["apiVersion"] = text_field(API_VERSION, "resources");
        properties["kind"] = text_field(KIND, "types-kinds");
        properties["metadata"] = meta("ObjectMeta", OBJECT_META, "metadata", style);
    }
    mark(map, served, &served.kind);
    add(&name(served), &root);

    let list_kind = format!("{}List", served.kind);
    let items = style.reference(&name(served));
    let mut list = Map::new();
    list.insert("description".to_owned(), format!("{list_kind} is a list of {}", served.kind).into());
    list.insert("type".to_owned(), "object".into());
    list.insert("required".to_owned(), json!(["items"]));
    let properties = json!({
        "apiVersion": text_field(API_VERSION, "resources"),
        "kind": text_field(KIND, "types-kinds"),
        "metadata": meta("ListMeta", LIST_META, "types-kinds", style),
        "items": {
            "type": "array", "items": items,
            "description": format!("List of {}. More info: {}", served.plural, CONVENTIONS.replace("sig-architecture/", "")),
        },
    });
    list.insert("properties".to_owned(), properties);
    mark(&mut list, served, &list_kind);
    add(&format!("{}List", name(served)), &list.into());
}

fn mark(map: &mut Map<String, Value>, served: &Served, kind: &str) {
    let known = json!([{"group": served.group, "kind": kind, "version": served.version}]);
    map.insert("x-kubernetes-group-version-kind".to_owned(), known);
}

fn text_field(description: &str, anchor: &str) -> Value {
    json!({"type": "string", "description": format!("{description} More info: {CONVENTIONS}#{anchor}")})
}

fn meta(kind: &str, description: &str, anchor: &str, style: Style) -> Value {
    let reference = style.reference(&format!("{META}.{kind}"));
    if style == Style::V2 {
        return reference;
    }
    json!({"allOf": [reference], "description": format!("{description} More info: {CONVENTIONS}#{anchor}")})
}

/// Takes out what v2 has no words for, so that old kubectl refuses nothing that the server takes.
fn make_v2(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    for word in ["allOf", "anyOf", "oneOf", "not", "default", "x-kubernetes-validations"] {
        map.remove(word);
    }
    let on = |map: &Map<String, Value>, word: &str| map.get(word) == Some(&Value::Bool(true));
    let nullable = on(map, "nullable");
    if nullable || on(map, "x-kubernetes-int-or-string") {
        map.remove("type");
        map.remove("format");
    }
    if nullable || on(map, "x-kubernetes-preserve-unknown-fields") {
        for word in ["items", "properties", "additionalProperties", "required"] {
            map.remove(word);
        }
    }
    map.remove("nullable");
    for word in ["items", "additionalProperties"] {
        map.get_mut(word).into_iter().for_each(make_v2);
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(make_v2);
    }
}
