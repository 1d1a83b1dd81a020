//! Which volume fits a claim, and why one does not.
//!
//! Upstream: `component-helpers/storage/volume/pv_helpers.go` (FindMatchingVolume), `checkVolumeSatisfyClaim`.

use super::{is_claimed_by, text};
use apimachinery::selector::label::LabelSelector;
use apimachinery::{Object, Quantity, Value};
use serde_json::json;
use std::sync::Arc;

/// The best volume for a claim: one that names it already, else the smallest that fits. `node` (where its first
/// consumer will run) has to be able to reach it. `only_named`: the claim still waits for its consumer.
pub fn find(claim: &Object, volumes: Vec<Arc<Object>>, node: Option<&Object>, only_named: bool) -> Option<Arc<Object>> {
    let value = claim.to_value();
    let mut best: Option<(Option<Quantity>, Arc<Object>)> = None;
    for volume in volumes.into_iter().filter(|volume| !volume.head.is_deleting()) {
        let candidate = volume.to_value();
        let is_claimed = candidate["spec"]["claimRef"].is_object();
        if is_claimed && !is_claimed_by(&candidate, claim) || misfit(&candidate, &value).is_some() {
            continue;
        }
        if is_claimed {
            return Some(volume);
        }
        let fits = !only_named
            && candidate["status"]["phase"] == "Available"
            && selects(&value["spec"]["selector"], &volume)
            && node.is_none_or(|node| reaches(&candidate["spec"]["nodeAffinity"]["required"], node));
        let capacity = size(&candidate["spec"]["capacity"]);
        if fits && best.as_ref().is_none_or(|(smallest, _)| capacity < *smallest) {
            best = Some((capacity, volume));
        }
    }
    best.map(|(_, volume)| volume)
}

/// Why this volume cannot hold this claim; None if it can.
pub fn misfit(volume: &Value, claim: &Value) -> Option<&'static str> {
    let (offered, wanted) = (&volume["spec"], &claim["spec"]);
    if size(&offered["capacity"]) < size(&wanted["resources"]["requests"]) {
        return Some("requested PV is too small");
    }
    if text(&offered["storageClassName"]) != text(&wanted["storageClassName"]) {
        return Some("storageClassName does not match");
    }
    let mode = |spec: &Value| spec["volumeMode"].as_str().unwrap_or("Filesystem").to_owned();
    if mode(offered) != mode(wanted) {
        return Some("incompatible volumeMode");
    }
    let modes = |spec: &Value| spec["accessModes"].as_array().cloned().unwrap_or_default();
    let offered_modes = modes(offered);
    if modes(wanted).iter().any(|mode| !offered_modes.contains(mode)) {
        return Some("incompatible accessMode");
    }
    None
}

fn size(amounts: &Value) -> Option<Quantity> {
    Quantity::parse(text(&amounts["storage"])).ok()
}

fn selects(selector: &Value, volume: &Object) -> bool {
    if !selector.is_object() {
        return true;
    }
    LabelSelector::from_value(selector).is_ok_and(|selector| selector.matches(&volume.head.labels))
}

/// Whether one of the terms matches the node's labels; no affinity matches every node.
fn reaches(affinity: &Value, node: &Object) -> bool {
    let Some(terms) = affinity["nodeSelectorTerms"].as_array() else { return true };
    terms.iter().any(|term| {
        let labels = json!({"matchExpressions": term["matchExpressions"].as_array().cloned().unwrap_or_default()});
        let by_name = term["matchFields"].as_array().into_iter().flatten().all(|field| {
            field["values"].as_array().is_some_and(|names| names.iter().any(|name| *name == *node.head.name))
        });
        by_name && LabelSelector::from_value(&labels).is_ok_and(|selector| selector.matches(&node.head.labels))
    })
}
