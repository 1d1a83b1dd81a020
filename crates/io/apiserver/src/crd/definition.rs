//! From a CustomResourceDefinition to the resources it is served as, and to what its status says.
//!
//! Upstream: `apiextensions-apiserver/pkg/controller/{status,establish}`, `pkg/apiserver/customresource_handler.go`.

use super::json_path::JsonPath;
use super::version::{Column, CustomVersion};
use crate::registry::Table;
use crate::resource::{Place, Resource, ScalePaths, Source};
use apimachinery::table::ColumnDefinition;
use apimachinery::{GroupVersionKind, GroupVersionResource, Value};
use schema::Structural;
use serde_json::json;
use std::sync::Arc;

const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// The resources of a definition, one a served version.
pub fn resources(definition: &Value) -> Vec<Resource> {
    let spec = &definition["spec"];
    let versions: Vec<&Value> = spec["versions"].as_array().into_iter().flatten().collect();
    let Some(storage) = versions.iter().find(|version| version["storage"] == true) else { return Vec::new() };
    let (group, plural) = (text(spec, "group"), text(&spec["names"], "plural"));
    let place = Arc::new(Place::new(group, plural, text(storage, "name"), selectable(&versions)));
    let served = versions.iter().enumerate().filter(|(_, version)| version["served"] == true);
    let since = text(&definition["metadata"], "resourceVersion").parse().unwrap_or(0);
    served.map(|(index, version)| resource(spec, version, index, &place, since)).collect()
}

fn resource(spec: &Value, version: &Value, index: usize, place: &Arc<Place>, since: u64) -> Resource {
    let names = &spec["names"];
    let (group, name) = (text(spec, "group").to_owned(), text(version, "name").to_owned());
    let strings = |field: &str| -> Vec<String> {
        let list = names[field].as_array().into_iter().flatten();
        list.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let kind = text(names, "kind").to_owned();
    Resource {
        gvr: GroupVersionResource {
            group: group.clone().into(),
            version: name.clone().into(),
            resource: text(names, "plural").to_owned().into(),
        },
        gvk: GroupVersionKind { group: group.into(), version: name.into(), kind: kind.into() },
        singular: text(names, "singular").to_owned(),
        short_names: strings("shortNames"),
        categories: strings("categories"),
        namespaced: spec["scope"] == "Namespaced",
        verbs: VERBS.map(str::to_owned).into(),
        place: place.clone(),
        source: Source::Custom(Arc::new(custom_version(spec, version, index, since))),
    }
}

fn custom_version(spec: &Value, version: &Value, index: usize, since: u64) -> CustomVersion {
    let document = version["schema"].get("openAPIV3Schema").filter(|schema| schema.is_object());
    let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
    let subresources = &version["subresources"];
    CustomVersion {
        structural: document.and_then(|schema| Structural::parse(schema, &path).ok()),
        document: document.cloned().map(Arc::new),
        has_status: subresources["status"].is_object(),
        scale: subresources["scale"].is_object().then(|| scale(&subresources["scale"])),
        columns: columns(version),
        deprecated: deprecated(spec, version),
        is_stored: version["storage"] == true,
        since,
    }
}

fn scale(scale: &Value) -> ScalePaths {
    let pointer = |field: &str| JsonPath::parse(text(scale, field)).and_then(|path| path.pointer()).unwrap_or_default();
    ScalePaths {
        spec_replicas: pointer("specReplicasPath"),
        status_replicas: pointer("statusReplicasPath"),
        selector: pointer("labelSelectorPath"),
    }
}

/// The columns as defined; without any, the age.
fn columns(version: &Value) -> Vec<Column> {
    let defined = version["additionalPrinterColumns"].as_array().filter(|list| !list.is_empty());
    let Some(defined) = defined else {
        let age = kinds::cells::AGE;
        let definition = ColumnDefinition {
            name: age.name.to_owned(),
            kind: "date".to_owned(),
            format: String::new(),
            description: age.description.to_owned(),
            priority: 0,
        };
        return vec![Column { definition, path: JsonPath::parse(".metadata.creationTimestamp") }];
    };
    let column = |column: &Value| Column {
        definition: ColumnDefinition {
            name: text(column, "name").to_owned(),
            kind: text(column, "type").to_owned(),
            format: text(column, "format").to_owned(),
            description: text(column, "description").to_owned(),
            priority: column["priority"].as_i64().unwrap_or(0) as i32,
        },
        path: JsonPath::parse(text(column, "jsonPath")),
    };
    defined.iter().map(column).collect()
}

/// The selectable fields of all versions: they share a place, and without conversion their objects differ in nothing
/// but `apiVersion`.
fn selectable(versions: &[&Value]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for field in versions.iter().flat_map(|version| version["selectableFields"].as_array().into_iter().flatten()) {
        let path = text(field, "jsonPath");
        let pointer = JsonPath::parse(path).and_then(|path| path.pointer());
        let field = pointer.map(|pointer| (path.trim_start_matches('.').to_owned(), pointer));
        all.extend(field.filter(|field| !all.contains(field)));
    }
    all
}

fn deprecated(spec: &Value, version: &Value) -> Option<String> {
    if version["deprecated"] != true {
        return None;
    }
    let own = version["deprecationWarning"].as_str().map(str::to_owned);
    Some(own.unwrap_or_else(|| {
        format!("{}/{} {} is deprecated", text(spec, "group"), text(version, "name"), text(&spec["names"], "kind"))
    }))
}

/// Why the names cannot be had: another resource of the group has one of them.
pub fn conflict(definition: &Value, table: &Table) -> Option<(&'static str, String)> {
    let spec = &definition["spec"];
    let (group, names) = (text(spec, "group"), &spec["names"]);
    let plural = text(names, "plural");
    let others: Vec<&Arc<Resource>> = table
        .all()
        .filter(|other| other.gvr.group == group && (other.gvr.resource != plural || !other.is_custom()))
        .collect();
    let used = |name: &str| {
        others.iter().any(|other| {
            other.gvr.resource == name || other.singular == name || other.short_names.iter().any(|short| short == name)
        })
    };
    let kind_used =
        |kind: &str| others.iter().any(|other| other.gvk.kind == kind || format!("{}List", other.gvk.kind) == kind);
    let in_use = |name: &str| format!("{name:?} is already in use");
    let short = names["shortNames"].as_array().into_iter().flatten().filter_map(Value::as_str).find(|name| used(name));
    match () {
        () if used(plural) => Some(("PluralConflict", in_use(plural))),
        () if used(text(names, "singular")) => Some(("SingularConflict", in_use(text(names, "singular")))),
        () if short.is_some() => Some(("ShortNamesConflict", in_use(short.unwrap_or_default()))),
        () if kind_used(text(names, "kind")) => Some(("KindConflict", in_use(text(names, "kind")))),
        () if kind_used(text(names, "listKind")) => Some(("ListKindConflict", in_use(text(names, "listKind")))),
        () => None,
    }
}

/// The status a definition should have.
pub fn status(definition: &Value, conflict: Option<&(&'static str, String)>, now: &str) -> Value {
    let mut status = definition["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    match conflict {
        None => {
            status["acceptedNames"] = definition["spec"]["names"].clone();
            set(&mut status, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now);
            set(
                &mut status,
                "Established",
                "True",
                "InitialNamesAccepted",
                "the initial names have been accepted",
                now,
            );
        }
        Some((reason, message)) => {
            set(&mut status, "NamesAccepted", "False", reason, message, now);
            if !is_established(&status) {
                if !status["acceptedNames"].is_object() {
                    status["acceptedNames"] = json!({"plural": "", "kind": ""});
                }
                set(&mut status, "Established", "False", "NotAccepted", "not all names are accepted", now);
            }
        }
    }
    status
}

pub fn is_established(status: &Value) -> bool {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|one| one["type"] == "Established" && one["status"] == "True")
}

/// Sets a condition; its time changes only with its status.
pub fn set(status: &mut Value, kind: &str, value: &str, reason: &str, message: &str, now: &str) {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else { return };
    let old = conditions.iter().position(|one| one["type"] == kind);
    let since = old.map(|at| &conditions[at]).filter(|one| one["status"] == value);
    let since = since.and_then(|one| one["lastTransitionTime"].as_str()).unwrap_or(now).to_owned();
    let condition =
        json!({"type": kind, "status": value, "reason": reason, "message": message, "lastTransitionTime": since});
    match old {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
