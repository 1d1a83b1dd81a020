//! Definitions of types: the built-in ones from the table, custom ones from their definitions.

use super::docs::Docs;
use super::{Body, Served, Style, custom};
use crate::table::{self, FieldRow, Kind, TypeUse};
use crate::{kinds, protobuf};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Types whose JSON is no object of known fields: kind in the table, name, v2 and v3 schema, what it is.
const SPECIAL: [(Kind, &str, &str, &str, &str); 12] = [
    (
        Kind::Time,
        "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
        r#"{"type":"string","format":"date-time"}"#,
        "",
        "A moment, to the second, as RFC 3339 writes it.",
    ),
    (
        Kind::MicroTime,
        "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
        r#"{"type":"string","format":"date-time"}"#,
        "",
        "A moment, to the microsecond, as RFC 3339 writes it.",
    ),
    (
        Kind::Duration,
        "io.k8s.apimachinery.pkg.apis.meta.v1.Duration",
        r#"{"type":"string"}"#,
        "",
        "A time span, as Go writes it: 1h30m.",
    ),
    (
        Kind::Quantity,
        "io.k8s.apimachinery.pkg.api.resource.Quantity",
        r#"{"type":"string"}"#,
        r#"{"oneOf":[{"type":"string"},{"type":"number"}]}"#,
        "An amount with an optional suffix: 100m, 1.5Gi, 12e6.",
    ),
    (
        Kind::IntOrString,
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        r#"{"type":"string","format":"int-or-string"}"#,
        r#"{"format":"int-or-string","oneOf":[{"type":"integer"},{"type":"string"}]}"#,
        "A number, or a name or percentage as text.",
    ),
    (
        Kind::Fields,
        "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
        r#"{"type":"object"}"#,
        "",
        "The set of fields that a manager owns, as a tree.",
    ),
    (Kind::Raw, "io.k8s.apimachinery.pkg.runtime.RawExtension", r#"{"type":"object"}"#, "", "An object of any kind."),
    (Kind::Json, "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON", "{}", "", "Any JSON value."),
    (
        Kind::SchemaOrArray,
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
        "{}",
        "",
        "A schema, or a list of schemas.",
    ),
    (
        Kind::SchemaOrBool,
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
        "{}",
        "",
        "A schema, or a boolean.",
    ),
    (
        Kind::SchemaOrStrings,
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
        "{}",
        "",
        "A schema, or a list of texts.",
    ),
    (
        Kind::Map,
        "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
        r#"{"type":"object"}"#,
        "",
        "A patch of the form that the Content-Type names.",
    ),
];

/// The types a document needs.
pub struct Definitions<'a> {
    style: Style,
    served: &'a [Served],
    builtin: BTreeSet<usize>,
    docs: Docs,
}

impl<'a> Definitions<'a> {
    pub fn of(served: &'a [Served], style: Style) -> Self {
        let mut wanted = Self { style, served, builtin: BTreeSet::new(), docs: Docs::load() };
        for name in ["DeleteOptions", "ListMeta", "ObjectMeta", "Status", "WatchEvent"] {
            wanted.add(&format!("{META}.{name}"));
        }
        for one in served {
            if let Body::Builtin(name) = &one.body {
                wanted.add(name);
                wanted.add(&format!("{name}List"));
            }
            for sub in &one.subresources {
                let (group, version, kind) = &sub.kind;
                if let Some(name) = kinds::type_of(&api_version(group, version), kind) {
                    wanted.add(name);
                }
            }
        }
        wanted
    }

    fn add(&mut self, name: &str) {
        let mut open: Vec<usize> = table::find(name).into_iter().collect();
        while let Some(number) = open.pop() {
            if !self.builtin.insert(number) {
                continue;
            }
            for row in table::fields(number) {
                let mut used = row.used();
                while matches!(used.kind, Kind::List | Kind::Wrapped | Kind::Map) {
                    used = used.elem();
                }
                match used.kind {
                    Kind::Struct => open.push(used.type_number()),
                    Kind::SchemaOrArray | Kind::SchemaOrBool | Kind::SchemaOrStrings => {
                        open.push(protobuf::schema_props().type_number());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Calls for each definition with its name and schema.
    pub fn each(&self, add: &mut dyn FnMut(&str, &Value)) {
        for number in &self.builtin {
            add(table::type_name(*number), &self.builtin(*number));
        }
        for (_, name, v2, v3, description) in SPECIAL {
            let written = if self.style == Style::V3 && !v3.is_empty() { v3 } else { v2 };
            let mut schema: Value = serde_json::from_str(written).unwrap_or_default();
            schema["description"] = description.into();
            add(name, &schema);
        }
        for one in self.served {
            if let Body::Custom(schema) = &one.body {
                custom::definitions(one, schema.as_deref(), self.style, add);
            }
        }
    }

    fn builtin(&self, number: usize) -> Value {
        let mut properties = Map::new();
        for (index, row) in table::fields(number).iter().enumerate() {
            let description = self.docs.of_field(number, index);
            properties.insert(row.name().to_owned(), property(row, description, self.style));
        }
        let mut schema = Map::new();
        let name = table::type_name(number);
        let written = self.docs.of_type(number);
        let short = name.rsplit('.').next().unwrap_or_default();
        let description = match short.strip_suffix("List") {
            Some(of) if written.is_empty() => format!("{short} is a list of {of} objects."),
            _ => written.to_owned(),
        };
        if !description.is_empty() {
            schema.insert("description".to_owned(), description.into());
        }
        schema.insert("type".to_owned(), "object".into());
        let required: Vec<&str> = table::fields(number).iter().filter(|row| row.required).map(FieldRow::name).collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        } else if short.ends_with("List") && properties.contains_key("items") {
            schema.insert("required".to_owned(), json!(["items"]));
        }
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), properties.into());
        }
        if table::root(number).atomic {
            schema.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
        }
        if let Some((group, version, kind)) = kinds::kind_of(name) {
            let known = json!([{"group": group, "kind": kind, "version": version}]);
            schema.insert("x-kubernetes-group-version-kind".to_owned(), known);
        }
        schema.into()
    }
}

fn property(row: &'static FieldRow, description: &str, style: Style) -> Value {
    let used = row.used();
    let mut schema = type_of(used, style);
    if style == Style::V3 && schema.get("$ref").is_some() {
        schema = json!({"allOf": [schema]});
    }
    let patch = used.patch();
    let mut set = |name: &str, value: Value| schema[name] = value;
    if !description.is_empty() {
        set("description", description.into());
    }
    let strategies = [(patch.merge, "merge"), (patch.retain_keys, "retainKeys"), (patch.replace, "replace")];
    let named: Vec<&str> = strategies.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    if !named.is_empty() {
        set("x-kubernetes-patch-strategy", named.join(",").into());
    }
    if let Some(key) = patch.merge_key {
        set("x-kubernetes-patch-merge-key", key.into());
    }
    match (used.kind, used.list_keys()) {
        (Kind::List | Kind::Wrapped, None) => set("x-kubernetes-list-type", "atomic".into()),
        (Kind::List | Kind::Wrapped, Some([])) => set("x-kubernetes-list-type", "set".into()),
        (Kind::List | Kind::Wrapped, Some(keys)) => {
            set("x-kubernetes-list-type", "map".into());
            set("x-kubernetes-list-map-keys", json!(keys));
        }
        (Kind::Map, _) if used.atomic => set("x-kubernetes-map-type", "atomic".into()),
        _ => {}
    }
    schema
}

fn type_of(used: &'static TypeUse, style: Style) -> Value {
    match used.kind {
        Kind::String => json!({"type": "string"}),
        Kind::Bytes => json!({"type": "string", "format": "byte"}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Double => json!({"type": "number", "format": "double"}),
        Kind::Struct => style.reference(table::type_name(used.type_number())),
        Kind::List | Kind::Wrapped => json!({"type": "array", "items": type_of(used.elem(), style)}),
        Kind::Map => json!({"type": "object", "additionalProperties": type_of(used.elem(), style)}),
        kind => {
            let name = SPECIAL.iter().find(|special| special.0 == kind).map_or("", |special| special.1);
            style.reference(name)
        }
    }
}

pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
