//! Endpoints controller: one object of the Service's name with its pods' addresses, ready and not.
//!
//! Old clients read it; our own proxy and DNS read EndpointSlices.

use super::{Backend, HEADLESS, backends, is_headless, publishes_unready, selector, services_of};
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value};
use k8s_openapi::api::core::v1::{Service, ServicePort};
use kinds::resources::{ENDPOINTS, PODS, SERVICES};
use serde_json::json;
use std::collections::BTreeMap;
use stdx::Timestamp;

/// Addresses an Endpoints object can hold. Upstream: `maxCapacity`.
const CAPACITY: usize = 1000;

pub struct Endpoints;

impl Controller for Endpoints {
    fn name(&self) -> &'static str {
        "endpoint-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&SERVICES, &PODS, &ENDPOINTS] }
    }

    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        if *change.of == ENDPOINTS {
            return change.object().map(Object::key).into_iter().collect();
        }
        services_of(change, view)
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        let existing = view.get(&ENDPOINTS, key);
        let Some(object) = view.get(&SERVICES, key) else { return Plan::of(orphaned(existing.as_deref())) };
        let Ok(service) = object.decode::<Service>() else { return Plan::rest() };
        let Some(selector) = selector(&service) else { return Plan::rest() };
        let subsets = subsets(&service, &backends(&object, &selector, view));
        Plan::of(write(&object, &service, existing.as_deref(), subsets).into_iter().collect())
    }
}

/// Endpoints that we made go with their Service; those made by hand stay.
fn orphaned(existing: Option<&Object>) -> Vec<Action> {
    let managed = existing.filter(|object| {
        object.head.labels.get("endpoints.kubernetes.io/managed-by").map(String::as_str) == Some("endpoint-controller")
    });
    managed.map(|object| Action::delete(&ENDPOINTS, object)).into_iter().collect()
}

/// Pods with the same port numbers share a subset.
fn subsets(service: &Service, backends: &[Backend]) -> Vec<Value> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.clone()).unwrap_or_default();
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let unready_too = publishes_unready(service);
    let mut groups: BTreeMap<String, Subset> = BTreeMap::new();
    let live = backends.iter().filter(|backend| unready_too || !backend.terminating);
    for backend in live.take(CAPACITY) {
        let numbers: Vec<Value> = ports.iter().filter_map(|port| port_value(port, backend)).collect();
        if numbers.is_empty() && !ports.is_empty() {
            continue;
        }
        let group = groups.entry(Value::from(numbers.clone()).to_string()).or_default();
        group.ports = numbers;
        let addresses = if backend.ready || unready_too { &mut group.ready } else { &mut group.unready };
        addresses.push(address(backend, name));
    }
    groups.into_values().map(Subset::value).collect()
}

/// Addresses that share their ports.
#[derive(Default)]
struct Subset {
    ready: Vec<Value>,
    unready: Vec<Value>,
    ports: Vec<Value>,
}

impl Subset {
    fn value(self) -> Value {
        let mut subset = json!({});
        for (field, list) in [("addresses", self.ready), ("notReadyAddresses", self.unready), ("ports", self.ports)] {
            if !list.is_empty() {
                subset[field] = list.into();
            }
        }
        subset
    }
}

fn port_value(port: &ServicePort, backend: &Backend) -> Option<Value> {
    let mut value = json!({"port": backend.port(port)?, "protocol": port.protocol.as_deref().unwrap_or("TCP")});
    if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
        value["name"] = name.into();
    }
    if let Some(protocol) = &port.app_protocol {
        value["appProtocol"] = protocol.as_str().into();
    }
    Some(value)
}

fn address(backend: &Backend, service: &str) -> Value {
    let head = &backend.object.head;
    let mut value = json!({
        "ip": backend.ip,
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

fn write(object: &Object, service: &Service, existing: Option<&Object>, subsets: Vec<Value>) -> Option<Action> {
    let mut labels = json!(object.head.labels);
    labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller".into();
    if is_headless(service) {
        labels[HEADLESS] = "".into();
    }
    let mut body = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {"name": object.head.name, "namespace": object.head.namespace, "labels": labels},
    });
    if !subsets.is_empty() {
        body["subsets"] = subsets.into();
    }
    let Some(existing) = existing else {
        let namespace = object.head.namespace.clone();
        return Some(Action::Create { of: &ENDPOINTS, namespace, body, announce: None });
    };
    let old = existing.to_value();
    if old.get("subsets") == body.get("subsets") && old["metadata"]["labels"] == body["metadata"]["labels"] {
        return None;
    }
    body["metadata"]["resourceVersion"] = existing.head.revision.to_string().into();
    body["metadata"]["annotations"] = old["metadata"]["annotations"].clone();
    Some(Action::Update { of: &ENDPOINTS, subresource: "", body })
}
