//! What writers of EndpointSlices share: how slices are marked, made and brought up to date.

use crate::Action;
use crate::owned::OwnerKind;
use apimachinery::{Object, Value};
use kinds::resources::ENDPOINT_SLICES;
use serde_json::json;

/// The Service a slice belongs to.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Who writes a slice.
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// Whether `writer` keeps this slice.
pub fn is_written_by(slice: &Object, writer: &str) -> bool {
    slice.head.labels.get(MANAGED_BY).is_some_and(|name| name == writer)
}

/// The key of the Service of a slice that `writer` keeps.
pub fn service_of(slice: &Object, writer: &str) -> Option<String> {
    let service = slice.head.labels.get(SERVICE_NAME).filter(|_| is_written_by(slice, writer))?;
    Some(format!("{}/{service}", slice.head.namespace))
}

/// The labels of a slice: its owner's, and the two marks.
pub fn labels(owner: &Object, writer: &str) -> Value {
    let mut labels = json!(owner.head.labels);
    labels[SERVICE_NAME] = owner.head.name.as_str().into();
    labels[MANAGED_BY] = writer.into();
    labels
}

/// A new slice named after its owner. `ports` may be null: none.
pub fn create(
    owner: &Object,
    kind: OwnerKind,
    family: &str,
    labels: Value,
    ports: &Value,
    endpoints: Vec<Value>,
) -> Action {
    let head = &owner.head;
    let mut body = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
        "metadata": {
            "generateName": format!("{}-", head.name), "namespace": head.namespace, "labels": labels,
            "ownerReferences": [kind.reference(owner)],
        },
        "endpoints": endpoints,
    });
    if !ports.is_null() {
        body["ports"] = ports.clone();
    }
    Action::Create { of: &ENDPOINT_SLICES, namespace: head.namespace.clone(), body, announce: None }
}

/// Replaces endpoints and labels of a slice as it was seen; None if it has them already.
pub fn update(mut slice: Value, labels: Value, endpoints: Vec<Value>) -> Option<Action> {
    let before = slice["endpoints"].as_array().map_or(&[][..], Vec::as_slice);
    if before == endpoints && slice["metadata"]["labels"] == labels {
        return None;
    }
    slice["endpoints"] = endpoints.into();
    slice["metadata"]["labels"] = labels;
    Some(Action::Update { of: &ENDPOINT_SLICES, subresource: "", body: slice })
}
