//! OpenAPI documents of what is served: v2 (JSON and gnostic's protobuf) and v3 (JSON, one per group and version).
//!
//! kubectl reads them for `explain`, for the merge keys of client-side apply, for its own validation, and to learn whether
//! PATCH takes `fieldValidation`. Documents are written piece by piece: only one definition at a time is a tree in memory.
//! They are megabytes; keep them compressed, and only while somebody asks.
//!
//! Upstream: `kube-openapi/pkg/{builder,builder3}`, `apiserver/pkg/endpoints/installer.go`.

mod custom;
mod definitions;
mod docs;
mod gnostic;
mod paths;

use definitions::Definitions;
use serde_json::{Value, json};
use std::sync::Arc;

/// A resource of one version as it is served.
#[derive(Debug, Clone)]
pub struct Served {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub namespaced: bool,
    /// Discovery's verbs: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verbs: Vec<String>,
    pub body: Body,
    pub subresources: Vec<Subresource>,
}

/// What objects look like.
#[derive(Debug, Clone)]
pub enum Body {
    /// OpenAPI name of a built-in type.
    Builtin(String),
    /// The `openAPIV3Schema` of a custom resource's version, if it has one.
    Custom(Option<Arc<Value>>),
}

#[derive(Debug, Clone)]
pub struct Subresource {
    pub name: String,
    /// `(group, version, kind)` of its body; of `status` the resource's own.
    pub kind: (String, String, String),
    pub verbs: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    V2,
    V3,
}

impl Style {
    fn reference(self, name: &str) -> Value {
        let prefix = if self == Self::V2 { "#/definitions/" } else { "#/components/schemas/" };
        json!({"$ref": format!("{prefix}{name}")})
    }
}

/// The whole v2 document as JSON. `release` is the version told to clients, `v1.35.0`.
pub fn v2(served: &[Served], release: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 << 20);
    out.extend_from_slice(br#"{"swagger":"2.0","info":"#);
    write(&info(release), &mut out);
    out.extend_from_slice(br#","paths":{"#);
    write_paths(served, Style::V2, &mut out);
    out.extend_from_slice(br#"},"definitions":{"#);
    write_definitions(served, Style::V2, &mut out);
    out.extend_from_slice(b"}}");
    out
}

/// The media types by which clients ask for [`v2_protobuf`]: the old one, which client-go sends, is no valid media type.
pub const V2_PROTOBUF_ACCEPTED: [&str; 2] =
    ["application/com.github.proto-openapi.spec.v2@v1.0+protobuf", V2_PROTOBUF_TYPE];

/// The `Content-Type` of [`v2_protobuf`]. Go clients refuse an answer that carries the old type.
pub const V2_PROTOBUF_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// The whole v2 document in gnostic's protobuf form, the only one client-go reads.
pub fn v2_protobuf(served: &[Served], release: &str) -> Vec<u8> {
    let mut document = gnostic::Document::new(&info(release));
    document.paths(|add| paths::each(served, Style::V2, add));
    let definitions = Definitions::of(served, Style::V2);
    document.definitions(|add| definitions.each(add));
    document.finish()
}

/// The v3 document of one group and version as JSON; None if nothing of it is served.
pub fn v3(group: &str, version: &str, served: &[Served], release: &str) -> Option<Vec<u8>> {
    let mine: Vec<Served> = served.iter().filter(|one| one.group == group && one.version == version).cloned().collect();
    if mine.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(1 << 20);
    out.extend_from_slice(br#"{"openapi":"3.0.0","info":"#);
    write(&info(release), &mut out);
    out.extend_from_slice(br#","paths":{"#);
    write_paths(&mine, Style::V3, &mut out);
    out.extend_from_slice(br#"},"components":{"schemas":{"#);
    write_definitions(&mine, Style::V3, &mut out);
    out.extend_from_slice(b"}}}");
    Some(out)
}

/// Name of a group and version below `/openapi/v3/`: `api/v1`, `apis/apps/v1`.
pub fn v3_name(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

fn info(release: &str) -> Value {
    json!({"title": "Kubernetes", "version": release})
}

fn write_paths(served: &[Served], style: Style, out: &mut Vec<u8>) {
    let mut first = true;
    paths::each(served, style, &mut |path, item| entry(path, item, &mut first, out));
}

fn write_definitions(served: &[Served], style: Style, out: &mut Vec<u8>) {
    let mut first = true;
    Definitions::of(served, style).each(&mut |name, schema| entry(name, schema, &mut first, out));
}

fn entry(name: &str, value: &Value, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    write(&name.into(), out);
    out.push(b':');
    write(value, out);
}

fn write(value: &Value, out: &mut Vec<u8>) {
    // Writing a document into memory cannot fail.
    _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests;
