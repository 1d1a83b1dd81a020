//! EndpointSlice controller: a Service's pods in slices of at most [`SLICE`] endpoints, one set for each port map.
//!
//! Invariant: an endpoint stays in the slice it is in, so that one pod's change is one small write.

use super::{Backend, HEADLESS, backends, is_headless, publishes_unready, selector, services_of};
use crate::owned::OwnerKind;
use crate::{Action, Change, Controller, Plan, View, Wanted, slices};
use apimachinery::{Object, Value};
use k8s_openapi::api::core::v1::{Service, ServicePort};
use kinds::resources::{ENDPOINT_SLICES, PODS, SERVICES};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::Timestamp;

/// Endpoints in a slice. Upstream: `--max-endpoints-per-slice`.
const SLICE: usize = 100;

const US: &str = "endpointslice-controller.k8s.io";
const KIND: OwnerKind = OwnerKind { api_version: "v1", kind: "Service" };

pub struct EndpointSlices;

/// Ports as text (the group's key), and the endpoints that have them.
type Groups = BTreeMap<String, (Value, Vec<Value>)>;

impl Controller for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&SERVICES, &PODS, &ENDPOINT_SLICES] }
    }

    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        if *change.of == ENDPOINT_SLICES {
            return change.object().and_then(|slice| slices::service_of(slice, US)).into_iter().collect();
        }
        services_of(change, view)
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        let Some(object) = view.get(&SERVICES, key) else { return Plan::rest() };
        let Ok(service) = object.decode::<Service>() else { return Plan::rest() };
        let Some(selector) = selector(&service) else { return Plan::rest() };
        if object.head.is_deleting() {
            return Plan::rest();
        }
        let groups = groups(&service, &backends(&object, &selector, view));
        let owned = view.owned_by(&ENDPOINT_SLICES, &object.head.uid).into_iter();
        let existing = owned.filter(|slice| slices::is_written_by(slice, US));
        let mut actions = level(&object, &service, groups, existing.collect());
        actions.extend(orphans(key, view));
        Plan::of(actions)
    }
}

/// What a Service of this name left when it was deleted with `--cascade=orphan`: readers go by the label, and would
/// follow it for ever. Upstream: `ownedBy` in the reconciler.
fn orphans(key: &str, view: &dyn View) -> Vec<Action> {
    let free = view.owned_by(&ENDPOINT_SLICES, "").into_iter();
    let left = free.filter(|slice| slices::service_of(slice, US).as_deref() == Some(key));
    left.map(|slice| Action::delete(&ENDPOINT_SLICES, &slice)).collect()
}

fn groups(service: &Service, backends: &[Backend]) -> Groups {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.clone()).unwrap_or_default();
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let mut groups = Groups::new();
    for backend in backends {
        let numbers: Vec<Value> = ports.iter().filter_map(|port| port_value(port, backend)).collect();
        let numbers = Value::from(numbers);
        let group = groups.entry(numbers.to_string()).or_insert_with(|| (numbers, Vec::new()));
        group.1.push(endpoint(backend, name, publishes_unready(service)));
    }
    if groups.is_empty() {
        // A Service without pods has one slice without ports and endpoints, as upstream makes it.
        groups.insert(String::new(), (Value::Null, Vec::new()));
    }
    groups
}

fn port_value(port: &ServicePort, backend: &Backend) -> Option<Value> {
    let mut value = json!({
        "name": port.name.as_deref().unwrap_or_default(), "port": backend.port(port)?,
        "protocol": port.protocol.as_deref().unwrap_or("TCP"),
    });
    if let Some(protocol) = &port.app_protocol {
        value["appProtocol"] = protocol.as_str().into();
    }
    Some(value)
}

fn endpoint(backend: &Backend, service: &str, publish_unready: bool) -> Value {
    let head = &backend.object.head;
    let ready = publish_unready || (backend.ready && !backend.terminating);
    let mut value = json!({
        "addresses": [backend.ip],
        "conditions": {"ready": ready, "serving": backend.ready, "terminating": backend.terminating},
        "targetRef": {"kind": "Pod", "namespace": head.namespace, "name": head.name, "uid": head.uid},
    });
    if let Some(node) = backend.node() {
        value["nodeName"] = node.into();
    }
    if let Some(hostname) = backend.hostname(service) {
        value["hostname"] = hostname.into();
    }
    value
}

/// Endpoints keep their slice; new ones fill slices with room; slices that end up empty or unneeded go.
fn level(object: &Object, service: &Service, mut groups: Groups, existing: Vec<Arc<Object>>) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut kept: Vec<(Arc<Object>, Value, String, Vec<Value>)> = Vec::new();
    for slice in existing {
        let value = slice.to_value();
        let key = match &value["ports"] {
            Value::Null => String::new(),
            ports => ports.to_string(),
        };
        let Some((_, wanted)) = groups.get_mut(&key) else {
            actions.push(Action::delete(&ENDPOINT_SLICES, &slice));
            continue;
        };
        let own: Vec<&Value> =
            value["endpoints"].as_array().into_iter().flatten().map(|e| &e["targetRef"]["uid"]).collect();
        let (stay, rest) = std::mem::take(wanted).into_iter().partition(|e| own.contains(&&e["targetRef"]["uid"]));
        *wanted = rest;
        kept.push((slice, value, key, stay));
    }
    for (_, _, key, stay) in &mut kept {
        let room = SLICE.saturating_sub(stay.len());
        let wanted = &mut groups.get_mut(key).expect("kept slices belong to a group").1;
        stay.extend(wanted.drain(..wanted.len().min(room)));
    }
    let needed_empty = kept.iter().filter(|(_, _, key, _)| key.is_empty()).count() == 0;
    for (slice, old, key, endpoints) in kept {
        if endpoints.is_empty() && !key.is_empty() {
            actions.push(Action::delete(&ENDPOINT_SLICES, &slice));
        } else {
            actions.extend(slices::update(old, labels(object, service), endpoints));
        }
    }
    for (key, (ports, endpoints)) in groups {
        let chunks = endpoints.chunks(SLICE).map(<[Value]>::to_vec);
        let chunks: Vec<Vec<Value>> = if key.is_empty() && needed_empty { vec![endpoints] } else { chunks.collect() };
        let create = |chunk| slices::create(object, KIND, "IPv4", labels(object, service), &ports, chunk);
        actions.extend(chunks.into_iter().map(create));
    }
    actions
}

fn labels(object: &Object, service: &Service) -> Value {
    let mut labels = slices::labels(object, US);
    if is_headless(service) {
        labels[HEADLESS] = "".into();
    }
    labels
}
