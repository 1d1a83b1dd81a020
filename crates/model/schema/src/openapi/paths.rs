//! Paths and their operations.
//!
//! Upstream: `apiserver/pkg/endpoints/installer.go`. Clients look at `x-kubernetes-group-version-kind`, at
//! `x-kubernetes-action` and at the query parameters of PATCH; the rest is for readers.

use super::definitions::{META, api_version};
use super::{Body, Served, Style, Subresource, custom};
use crate::kinds;
use serde_json::{Map, Value, json};

const JSON: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// Query parameters: name, type, what it is.
type Query = (&'static str, &'static str, &'static str);

const WRITE: [Query; 3] = [
    ("dryRun", "string", "When `All`, nothing is kept: the request is only checked."),
    ("fieldManager", "string", "Name under which the written fields are remembered."),
    ("fieldValidation", "string", "What to do about unknown and duplicate fields: Ignore, Warn or Strict."),
];

const FORCE: Query = ("force", "boolean", "Take over fields of other managers. Only for apply patches.");

const DELETE: [Query; 4] = [
    ("dryRun", "string", "When `All`, nothing is kept: the request is only checked."),
    ("gracePeriodSeconds", "integer", "Seconds before the object is deleted; 0 is at once."),
    ("orphanDependents", "boolean", "Deprecated: use propagationPolicy."),
    ("propagationPolicy", "string", "What becomes of dependents: Orphan, Background or Foreground."),
];

const LIST: [Query; 9] = [
    ("allowWatchBookmarks", "boolean", "Ask for events of type BOOKMARK."),
    ("continue", "string", "Token of the page before."),
    ("fieldSelector", "string", "Only objects whose fields match."),
    ("labelSelector", "string", "Only objects whose labels match."),
    ("limit", "integer", "Objects per page, at most."),
    ("resourceVersion", "string", "State to read or to watch from."),
    ("resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan."),
    ("timeoutSeconds", "integer", "Length of the watch."),
    ("watch", "boolean", "Send changes instead of a list."),
];

/// An operation of a resource or subresource.
struct Operation<'a> {
    served: &'a Served,
    sub: Option<&'a Subresource>,
    /// `x-kubernetes-action`
    action: &'static str,
    all_namespaces: bool,
}

/// Calls for each path with its item.
pub fn each(served: &[Served], style: Style, add: &mut dyn FnMut(&str, &Value)) {
    for one in served {
        let root = format!("/{}", super::v3_name(&one.group, &one.version));
        let collection = match one.namespaced {
            true => format!("{root}/namespaces/{{namespace}}/{}", one.plural),
            false => format!("{root}/{}", one.plural),
        };
        let verbs: Vec<&str> = one.verbs.iter().map(String::as_str).collect();
        let mut path = |path: String, named: bool, sub: Option<&Subresource>, all: bool, methods: &[Method]| {
            let item = item(one, sub, all, named, methods, style);
            if let Some(item) = item {
                add(&path, &item);
            }
        };
        let has = |verb: &str| verbs.contains(&verb);
        if one.namespaced && has("list") {
            path(format!("{root}/{}", one.plural), false, None, true, &[("get", "list")]);
        }
        let of_all =
            [("list", "get", "list"), ("create", "post", "post"), ("deletecollection", "delete", "deletecollection")];
        path(collection.clone(), false, None, false, &chosen(&of_all, &verbs));
        path(format!("{collection}/{{name}}"), true, None, false, &chosen(&OF_ONE, &verbs));
        for sub in &one.subresources {
            let verbs: Vec<&str> = sub.verbs.iter().map(String::as_str).collect();
            let methods = chosen(&OF_SUB, &verbs);
            path(format!("{collection}/{{name}}/{}", sub.name), true, Some(sub), false, &methods);
        }
    }
}

/// HTTP method and action.
type Method = (&'static str, &'static str);

const OF_ONE: [(&str, &str, &str); 4] =
    [("get", "get", "get"), ("update", "put", "put"), ("patch", "patch", "patch"), ("delete", "delete", "delete")];

const OF_SUB: [(&str, &str, &str); 5] = [
    ("get", "get", "get"),
    ("create", "post", "post"),
    ("update", "put", "put"),
    ("patch", "patch", "patch"),
    ("delete", "delete", "delete"),
];

fn chosen(table: &[(&str, &'static str, &'static str)], verbs: &[&str]) -> Vec<Method> {
    table.iter().filter(|(verb, ..)| verbs.contains(verb)).map(|(_, method, action)| (*method, *action)).collect()
}

fn item(
    served: &Served,
    sub: Option<&Subresource>,
    all_namespaces: bool,
    named: bool,
    methods: &[Method],
    style: Style,
) -> Option<Value> {
    let mut item = Map::new();
    for (method, action) in methods {
        let operation = Operation { served, sub, action, all_namespaces };
        item.insert((*method).to_owned(), operation.render(style));
    }
    if item.is_empty() {
        return None;
    }
    let mut parameters = Vec::new();
    if named {
        parameters.push(parameter(("name", "string", "Name of the object."), "path", style));
    }
    if served.namespaced && !all_namespaces {
        parameters.push(parameter(("namespace", "string", "Namespace of the object."), "path", style));
    }
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), parameters.into());
    }
    Some(item.into())
}

impl Operation<'_> {
    fn render(&self, style: Style) -> Value {
        let (group, version, kind) = self.kind();
        let mut out = json!({
            "description": self.description(kind),
            "operationId": self.id(),
            "tags": [self.tag()],
            "x-kubernetes-action": self.action,
            "x-kubernetes-group-version-kind": {"group": group, "kind": kind, "version": version},
        });
        let mut parameters: Vec<Value> =
            self.queries().into_iter().map(|query| parameter(query, "query", style)).collect();
        let answer = style.reference(&self.answer());
        let body = self.request().map(|name| style.reference(&name));
        let ok = if self.action == "post" { "201" } else { "200" };
        if style == Style::V2 {
            if let Some(body) = body {
                parameters.push(json!({"name": "body", "in": "body", "required": true, "schema": body}));
            }
            out["consumes"] = if self.action == "patch" { json!(self.patches()) } else { json!(["*/*"]) };
            out["produces"] = json!(JSON);
            out["schemes"] = json!(["https"]);
            out["responses"] =
                json!({ok: {"description": "OK", "schema": answer}, "401": {"description": "Unauthorized"}});
        } else {
            if let Some(body) = body {
                let types: &[&str] = if self.action == "patch" { self.patches() } else { &["*/*"] };
                let content: Map<String, Value> =
                    types.iter().map(|name| ((*name).to_owned(), json!({"schema": body}))).collect();
                out["requestBody"] = json!({"required": true, "content": content});
            }
            let content: Map<String, Value> =
                JSON.iter().map(|name| ((*name).to_owned(), json!({"schema": answer}))).collect();
            let responses =
                json!({ok: {"description": "OK", "content": content}, "401": {"description": "Unauthorized"}});
            out["responses"] = responses;
        }
        if !parameters.is_empty() {
            out["parameters"] = parameters.into();
        }
        out
    }

    /// Custom resources have no strategic merge patch, which stands last; kubectl looks here for it.
    fn patches(&self) -> &'static [&'static str] {
        if matches!(self.served.body, Body::Custom(_)) { &PATCHES[..3] } else { &PATCHES }
    }

    fn kind(&self) -> (&str, &str, &str) {
        match self.sub {
            Some(sub) => (&sub.kind.0, &sub.kind.1, &sub.kind.2),
            None => (&self.served.group, &self.served.version, &self.served.kind),
        }
    }

    fn queries(&self) -> Vec<Query> {
        match self.action {
            "list" => LIST.to_vec(),
            "post" | "put" => WRITE.to_vec(),
            "patch" => WRITE.iter().copied().chain([FORCE]).collect(),
            "delete" => DELETE.to_vec(),
            "deletecollection" => DELETE.iter().chain(&LIST[1..8]).copied().collect(),
            _ => Vec::new(),
        }
    }

    /// The definition of the objects this is about.
    fn body(&self) -> String {
        let (group, version, kind) = self.kind();
        let own = (group, version, kind) == (&self.served.group, &self.served.version, &self.served.kind);
        match &self.served.body {
            Body::Builtin(name) if own => name.clone(),
            Body::Custom(_) if own => custom::name(self.served),
            _ => {
                let known = kinds::type_of(&api_version(group, version), kind);
                known.map_or_else(|| format!("{META}.Status"), str::to_owned)
            }
        }
    }

    fn answer(&self) -> String {
        match self.action {
            "list" => format!("{}List", self.body()),
            "delete" | "deletecollection" => format!("{META}.Status"),
            _ => self.body(),
        }
    }

    fn request(&self) -> Option<String> {
        match self.action {
            "post" | "put" => Some(self.body()),
            "patch" => Some(format!("{META}.Patch")),
            "delete" | "deletecollection" => Some(format!("{META}.DeleteOptions")),
            _ => None,
        }
    }

    fn description(&self, kind: &str) -> String {
        let of = self.sub.map_or_else(String::new, |sub| format!("{} of ", sub.name));
        match self.action {
            "list" => format!("list or watch objects of kind {kind}"),
            "post" => format!("create {of}{kind}"),
            "put" => format!("replace {of}the specified {kind}"),
            "patch" => format!("partially update {of}the specified {kind}"),
            "delete" => format!("delete {of}{kind}"),
            "deletecollection" => format!("delete collection of {kind}"),
            _ => format!("read {of}the specified {kind}"),
        }
    }

    /// `listCoreV1NamespacedPod`, `replaceAppsV1NamespacedDeploymentStatus`
    fn id(&self) -> String {
        let word = match self.action {
            "list" => "list",
            "post" => "create",
            "put" => "replace",
            "patch" => "patch",
            "get" => "read",
            _ => "delete",
        };
        let served = self.served;
        let collection = if self.action == "deletecollection" { "Collection" } else { "" };
        let scope = if served.namespaced && !self.all_namespaces { "Namespaced" } else { "" };
        let end = if self.all_namespaces { "ForAllNamespaces" } else { "" };
        let sub = self.sub.map_or_else(String::new, |sub| camel(&sub.name));
        format!("{word}{}{}{collection}{scope}{}{sub}{end}", self.group(), camel(&served.version), served.kind)
    }

    fn group(&self) -> String {
        let short = self.served.group.trim_end_matches(".k8s.io");
        if short.is_empty() { "Core".to_owned() } else { short.split('.').map(camel).collect() }
    }

    fn tag(&self) -> String {
        let group = self.group();
        let mut chars = group.chars();
        let first = chars.next().map(|c| c.to_ascii_lowercase());
        format!("{}_{}", first.into_iter().chain(chars).collect::<String>(), self.served.version)
    }
}

fn parameter((name, kind, description): Query, place: &str, style: Style) -> Value {
    let mut out = json!({"name": name, "in": place, "description": description});
    if place == "path" {
        out["required"] = true.into();
    }
    match style {
        Style::V2 => {
            out["type"] = kind.into();
            out["uniqueItems"] = true.into();
        }
        Style::V3 => out["schema"] = json!({"type": kind, "uniqueItems": true}),
    }
    out
}

fn camel(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).filter(char::is_ascii_alphanumeric).collect()
}
