//! What must hold of a CustomResourceDefinition.
//!
//! Upstream: `apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go`.

use super::structural;
use crate::checks::{follows, immutable, one_of, required};
use crate::path::Path;
use crate::read::{flag, has, is_empty, list, text};
use apimachinery::problems::Problem;
use apimachinery::validate::{is_dns1035_label, is_dns1123_subdomain};
use apimachinery::{Problems, Value};
use schema::{Finding, Structural};

const SPEC: Path = Path::new("spec");

pub fn validate(definition: &Value, problems: &mut Problems) {
    let spec = &definition["spec"];
    let (name, group) = (text(&definition["metadata"], "name"), text(spec, "group"));
    let plural = text(&spec["names"], "plural");
    if name != format!("{plural}.{group}") {
        problems.invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group");
    }
    if required(spec, "group", SPEC, problems) {
        follows(group, SPEC.field("group"), is_dns1123_subdomain, problems);
        if !group.contains('.') {
            problems.invalid(SPEC.field("group"), group, "should be a domain with at least one dot");
        }
    }
    approval(definition, group, problems);
    one_of(spec, "scope", SPEC, &["Cluster", "Namespaced"], problems);
    if flag(spec, "preserveUnknownFields") {
        let message =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        problems.invalid(SPEC.field("preserveUnknownFields"), true, message);
    }
    versions(spec, SPEC.field("versions"), problems);
    names(&spec["names"], SPEC.field("names"), problems);
    conversion(&spec["conversion"], SPEC.field("conversion"), problems);
    stored_versions(definition, problems);
}

fn versions(spec: &Value, at: Path, problems: &mut Problems) {
    let versions = list(spec, "versions");
    let storing = versions.iter().filter(|version| flag(version, "storage")).count();
    if storing != 1 {
        let shown = spec.get("versions").cloned().unwrap_or(Value::Null);
        problems.invalid(at, shown, "must have exactly one version marked as storage version");
    }
    for (index, version) in versions.iter().enumerate() {
        let at = at.index(index);
        let name = text(version, "name");
        for message in is_dns1035_label(name) {
            problems.invalid(at.field("name"), name, &message);
        }
        if versions[..index].iter().any(|other| text(other, "name") == name) {
            problems.invalid(at.field("name"), name, "must contain unique version names");
        }
        let schema_at = at.field("schema");
        let schema = &version["schema"]["openAPIV3Schema"];
        if has(&version["schema"], "openAPIV3Schema") {
            let (before, schema_at) = (problems.list().len(), schema_at.field("openAPIV3Schema"));
            structural::validate(schema, schema_at, problems);
            if problems.list().len() == before {
                // What the server needs beside to make use of it: without, it would serve the version unchecked.
                parsed(schema, schema_at, problems);
            }
        } else {
            problems.required(schema_at.field("openAPIV3Schema"), "schemas are required");
        }
        columns(version, at.field("additionalPrinterColumns"), problems);
        subresources(version, at.field("subresources"), problems);
        selectable_fields(version, at.field("selectableFields"), problems);
    }
}

fn parsed(schema: &Value, at: Path, problems: &mut Problems) {
    for Finding { reason, field, message } in Structural::parse(schema, &at.to_string()).err().unwrap_or_default() {
        problems.add(Problem { reason, field, message });
    }
}

/// Upstream: `ValidateCustomResourceSelectableFields`.
fn selectable_fields(version: &Value, at: Path, problems: &mut Problems) {
    let fields = list(version, "selectableFields");
    if fields.len() > MAX_SELECTABLE {
        problems.too_many(at, fields.len(), MAX_SELECTABLE);
    }
    for (index, field) in fields.iter().enumerate() {
        let item = at.index(index);
        let at = item.field("jsonPath");
        let path = text(field, "jsonPath");
        if path.is_empty() {
            problems.required(at, "");
            continue;
        }
        if fields[..index].iter().any(|other| text(other, "jsonPath") == path) {
            problems.duplicate(at, path);
            continue;
        }
        let mut schema = &version["schema"]["openAPIV3Schema"];
        for step in path.split('.').skip(1) {
            schema = &schema["properties"][step];
        }
        if !path.starts_with('.') || path.starts_with(".metadata") || !schema.is_object() {
            problems.invalid(at, path, "is an invalid path: does not refer to a valid field");
        } else if !matches!(text(schema, "type"), "string" | "boolean" | "integer") {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            problems.invalid(at, path, why);
        }
    }
}

/// Upstream: `MaxSelectableFields`.
const MAX_SELECTABLE: usize = 8;
/// Who allows a definition in a group of Kubernetes itself. Upstream: `KubeAPIApprovedAnnotation`.
const APPROVED: &str = "api-approved.kubernetes.io";

/// Groups of the community are not for everybody. Upstream: `validateAPIApproval`.
fn approval(definition: &Value, group: &str, problems: &mut Problems) {
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|end| group == *end || group.ends_with(&format!(".{end}")));
    if !protected {
        return;
    }
    let annotations = Path::new("metadata.annotations");
    let at = annotations.key(APPROVED);
    let said = text(&definition["metadata"]["annotations"], APPROVED);
    let link = said.starts_with("https://") || said.starts_with("http://");
    if said.is_empty() {
        let why = format!(
            "protected groups must have approval annotation {APPROVED:?}, see https://github.com/kubernetes/enhancements/pull/1111"
        );
        problems.required(at, &why);
    } else if !link && !said.starts_with("unapproved") {
        let why = format!(
            "protected groups must have approval annotation {APPROVED:?} with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111"
        );
        problems.invalid(at, said, &why);
    }
}

fn columns(version: &Value, at: Path, problems: &mut Problems) {
    for (index, column) in list(version, "additionalPrinterColumns").iter().enumerate() {
        let at = at.index(index);
        required(column, "name", at, problems);
        one_of(column, "type", at, &["boolean", "date", "integer", "number", "string"], problems);
        json_path(column, "jsonPath", at, problems);
    }
}

fn subresources(version: &Value, at: Path, problems: &mut Problems) {
    let scale = &version["subresources"]["scale"];
    if !scale.is_object() {
        return;
    }
    let at = at.field("scale");
    for (field, below) in [("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")] {
        json_path(scale, field, at, problems);
        let path = text(scale, field);
        if !path.is_empty() && !path.starts_with(&format!("{below}.")) {
            problems.invalid(at.field(field), path, &format!("should be a json path under {below}"));
        }
    }
}

fn json_path(object: &Value, field: &str, at: Path, problems: &mut Problems) {
    if required(object, field, at, problems) && !text(object, field).starts_with('.') {
        let message = "is an invalid path: must be a simple json path starting with .";
        problems.invalid(at.field(field), text(object, field), message);
    }
}

fn names(names: &Value, at: Path, problems: &mut Problems) {
    for field in ["plural", "singular"] {
        if field == "plural" && !required(names, field, at, problems) {
            continue;
        }
        follows(text(names, field), at.field(field), is_dns1035_label, problems);
    }
    for field in ["kind", "listKind"] {
        if required(names, field, at, problems) {
            for message in is_dns1035_label(&text(names, field).to_lowercase()) {
                let message = format!("may have mixed case, but should otherwise match: {message}");
                problems.invalid(at.field(field), text(names, field), &message);
            }
        }
    }
    if text(names, "kind") == text(names, "listKind") && !is_empty(names, "kind") {
        problems.invalid(at.field("listKind"), text(names, "listKind"), "kind and listKind may not be the same");
    }
    for field in ["shortNames", "categories"] {
        let at = at.field(field);
        for (index, name) in list(names, field).iter().enumerate() {
            follows(name.as_str().unwrap_or(""), at.index(index), is_dns1035_label, problems);
        }
    }
}

fn conversion(conversion: &Value, at: Path, problems: &mut Problems) {
    one_of(conversion, "strategy", at, &["None", "Webhook"], problems);
    let webhook = &conversion["webhook"];
    if text(conversion, "strategy") != "Webhook" {
        if has(conversion, "webhook") {
            let message = "should not be set when strategy is not set to Webhook";
            problems.forbidden(at.field("webhook"), message);
        }
        return;
    }
    let at = at.field("webhook");
    let config = &webhook["clientConfig"];
    if !has(webhook, "clientConfig") {
        problems.required(at.field("clientConfig"), "required when strategy is set to Webhook");
    } else if has(config, "url") == has(config, "service") {
        problems.required(at.field("clientConfig"), "exactly one of url or service is required");
    }
    if is_empty(webhook, "conversionReviewVersions") {
        problems.required(at.field("conversionReviewVersions"), "");
    }
}

/// A version in which objects are kept cannot be taken away.
fn stored_versions(definition: &Value, problems: &mut Problems) {
    let at = Path::new("status.storedVersions");
    let versions = list(&definition["spec"], "versions");
    for (index, stored) in list(&definition["status"], "storedVersions").iter().filter_map(Value::as_str).enumerate() {
        if !versions.iter().any(|version| text(version, "name") == stored) {
            let message = format!(
                "missing from spec.versions; {stored} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {stored} and removes {stored} from status.storedVersions"
            );
            problems.invalid(at.index(index), stored, &message);
        }
    }
}

pub fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    let established = list(&old["status"], "conditions")
        .iter()
        .any(|condition| text(condition, "type") == "Established" && text(condition, "status") == "True");
    let (new, old) = (&new["spec"], &old["spec"]);
    let names = SPEC.field("names");
    immutable(&new["group"], &old["group"], SPEC.field("group"), problems);
    immutable(&new["names"]["plural"], &old["names"]["plural"], names.field("plural"), problems);
    if established {
        immutable(&new["scope"], &old["scope"], SPEC.field("scope"), problems);
        immutable(&new["names"]["kind"], &old["names"]["kind"], names.field("kind"), problems);
    }
}
