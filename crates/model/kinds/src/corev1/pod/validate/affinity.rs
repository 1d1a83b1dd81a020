//! Affinity to nodes and to other pods.

use crate::checks::{follows, label_selector, operator};
use crate::path::Path;
use crate::read::{has, is_empty, list, number, text};
use apimachinery::validate::{is_dns1123_label, is_qualified_name};
use apimachinery::{Problems, Value};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub fn affinity(affinity: &Value, at: Path, problems: &mut Problems) {
    node(&affinity["nodeAffinity"], at.field("nodeAffinity"), problems);
    for kind in ["podAffinity", "podAntiAffinity"] {
        pods(&affinity[kind], at.field(kind), problems);
    }
}

fn node(affinity: &Value, at: Path, problems: &mut Problems) {
    if has(affinity, REQUIRED) {
        node_selector(&affinity[REQUIRED], at.field(REQUIRED), problems);
    }
    let preferred = at.field(PREFERRED);
    for (index, term) in list(affinity, PREFERRED).iter().enumerate() {
        let at = preferred.index(index);
        weight(term, at, problems);
        node_term(&term["preference"], at.field("preference"), problems);
    }
}

/// A choice of nodes, also of a persistent volume.
pub fn node_selector(selector: &Value, at: Path, problems: &mut Problems) {
    let terms = at.field("nodeSelectorTerms");
    if is_empty(selector, "nodeSelectorTerms") {
        problems.required(terms, "must have at least one node selector term");
    }
    for (index, term) in list(selector, "nodeSelectorTerms").iter().enumerate() {
        node_term(term, terms.index(index), problems);
    }
}

fn node_term(term: &Value, at: Path, problems: &mut Problems) {
    let expressions = at.field("matchExpressions");
    for (index, expression) in list(term, "matchExpressions").iter().enumerate() {
        let at = expressions.index(index);
        operator(expression, at, &["Gt", "Lt"], problems);
        follows(text(expression, "key"), at.field("key"), is_qualified_name, problems);
    }
    let fields = at.field("matchFields");
    for (index, field) in list(term, "matchFields").iter().enumerate() {
        let at = fields.index(index);
        if !matches!(text(field, "operator"), "In" | "NotIn") {
            problems.invalid(at.field("operator"), text(field, "operator"), "not a valid selector operator");
        } else if list(field, "values").len() != 1 {
            let message = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            problems.required(at.field("values"), message);
        }
        if text(field, "key") != "metadata.name" {
            problems.invalid(at.field("key"), text(field, "key"), "not a valid field selector key");
        }
    }
}

fn pods(affinity: &Value, at: Path, problems: &mut Problems) {
    let required = at.field(REQUIRED);
    for (index, term) in list(affinity, REQUIRED).iter().enumerate() {
        pod_term(term, required.index(index), problems);
    }
    let preferred = at.field(PREFERRED);
    for (index, term) in list(affinity, PREFERRED).iter().enumerate() {
        let at = preferred.index(index);
        weight(term, at, problems);
        pod_term(&term["podAffinityTerm"], at.field("podAffinityTerm"), problems);
    }
}

fn pod_term(term: &Value, at: Path, problems: &mut Problems) {
    for selector in ["labelSelector", "namespaceSelector"] {
        label_selector(&term[selector], at.field(selector), problems);
    }
    let namespaces = at.field("namespaces");
    for (index, namespace) in list(term, "namespaces").iter().enumerate() {
        follows(namespace.as_str().unwrap_or(""), namespaces.index(index), is_dns1123_label, problems);
    }
    topology_key(term, at, problems);
}

pub fn topology_key(term: &Value, at: Path, problems: &mut Problems) {
    match text(term, "topologyKey") {
        "" => problems.required(at.field("topologyKey"), "can not be empty"),
        key => follows(key, at.field("topologyKey"), is_qualified_name, problems),
    }
}

fn weight(term: &Value, at: Path, problems: &mut Problems) {
    let weight = number(term, "weight");
    if !(1..=100).contains(&weight) {
        problems.invalid(at.field("weight"), weight, "must be in the range 1-100");
    }
}
