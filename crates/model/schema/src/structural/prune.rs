//! Drops what a structural schema does not know. Upstream: `pkg/apiserver/schema/pruning`.

use super::{Place, Structural};
use serde_json::Value;

impl Structural {
    /// Runs over every embedded object (`x-kubernetes-embedded-resource`) that has metadata, with its path
    /// (`spec.template.metadata`).
    pub fn each_embedded_metadata(&self, value: &mut Value, each: &mut dyn FnMut(&str, &mut Value)) {
        embedded(self, value, &Place::Root, each);
    }

    /// Drops unknown fields; returns their paths (`spec.list[0].x`) in order. apiVersion, kind and metadata of a
    /// resource stay as they are.
    pub fn prune(&self, value: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        prune(self, value, &Place::Root, &mut dropped);
        dropped
    }
}

fn prune(node: &Structural, value: &mut Value, place: &Place<'_>, dropped: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.retain(|name, value| {
            let here = Place::Field(place, name);
            if node.resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                return true;
            }
            if let Some(known) = node.properties.get(name).or(node.additional.as_deref()) {
                prune(known, value, &here, dropped);
                return true;
            }
            if !node.preserve_unknown {
                dropped.push(here.to_string());
            }
            node.preserve_unknown
        }),
        Value::Array(list) => {
            let Some(items) = &node.items else { return };
            for (index, value) in list.iter_mut().enumerate() {
                prune(items, value, &Place::Item(place, index), dropped);
            }
        }
        _ => {}
    }
}

fn embedded(node: &Structural, value: &mut Value, place: &Place<'_>, each: &mut dyn FnMut(&str, &mut Value)) {
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                let here = Place::Field(place, name);
                if node.resource && name == "metadata" {
                    if !matches!(place, Place::Root) {
                        each(&here.to_string(), value);
                    }
                } else if let Some(known) = node.properties.get(name).or(node.additional.as_deref()) {
                    embedded(known, value, &here, each);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &node.items else { return };
            for (index, value) in list.iter_mut().enumerate() {
                embedded(items, value, &Place::Item(place, index), each);
            }
        }
        _ => {}
    }
}
