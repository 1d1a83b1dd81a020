//! Definitions of custom resources.
//!
//! Upstream: `apiextensions-apiserver/pkg/controller/openapi/builder`, `v2/conversion.go`.

use super::definitions::META;
use super::{Served, Style};
use serde_json::{Map, Value, json};

const API_VERSION: &str = "The version of the schema that this object is written in.";
const KIND: &str = "The kind of object; written in CamelCase. Cannot be changed.";

/// `com.example.v1.Foo` for kind Foo of `example.com/v1`.
pub fn name(served: &Served) -> String {
    let mut group: Vec<&str> = served.group.split('.').collect();
    group.reverse();
    format!("{}.{}.{}", group.join("."), served.version, served.kind)
}

pub fn definitions(served: &Served, schema: Option<&Value>, style: Style, add: &mut dyn FnMut(&str, &Value)) {
    let mut root = schema.cloned().unwrap_or_else(|| json!({"type": "object"}));
    if style == Style::V2 {
        make_v2(&mut root);
    }
    let Value::Object(map) = &mut root else { return };
    let free = map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    // A v2 schema with properties makes kubectl refuse all others.
    if schema.is_some() && !(style == Style::V2 && free) {
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        properties["apiVersion"] = json!({"type": "string", "description": API_VERSION});
        properties["kind"] = json!({"type": "string", "description": KIND});
        properties["metadata"] = meta("ObjectMeta", style);
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
        "apiVersion": {"type": "string", "description": API_VERSION},
        "kind": {"type": "string", "description": KIND},
        "metadata": meta("ListMeta", style),
        "items": {"type": "array", "items": items, "description": format!("List of {}.", served.plural)},
    });
    list.insert("properties".to_owned(), properties);
    mark(&mut list, served, &list_kind);
    add(&format!("{}List", name(served)), &list.into());
}

fn mark(map: &mut Map<String, Value>, served: &Served, kind: &str) {
    let known = json!([{"group": served.group, "kind": kind, "version": served.version}]);
    map.insert("x-kubernetes-group-version-kind".to_owned(), known);
}

fn meta(kind: &str, style: Style) -> Value {
    let reference = style.reference(&format!("{META}.{kind}"));
    if style == Style::V2 { reference } else { json!({"allOf": [reference], "description": "Standard metadata."}) }
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
