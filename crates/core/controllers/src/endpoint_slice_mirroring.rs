//! Mirrors Endpoints that people write, for Services without a selector, into EndpointSlices.
//!
//! Upstream: `pkg/controller/endpointslicemirroring`.
//!
//! Invariant: one slice for each subset and address family, so that equal Endpoints give equal slices.

use crate::owned::OwnerKind;
use crate::{Action, Change, Controller, Plan, View, Wanted, slices};
use apimachinery::{Object, Value};
use kinds::resources::{ENDPOINT_SLICES, ENDPOINTS, SERVICES};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::Timestamp;

/// Addresses mirrored of one subset. Upstream: `--mirroring-max-endpoints-per-subset`.
const MOST: usize = 1000;

const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const US: &str = "endpointslicemirroring-controller.k8s.io";
const KIND: OwnerKind = OwnerKind { api_version: "v1", kind: "Endpoints" };

pub struct EndpointSliceMirroring;

impl Controller for EndpointSliceMirroring {
    fn name(&self) -> &'static str {
        "endpointslicemirroring-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&ENDPOINTS, &ENDPOINT_SLICES, &SERVICES] }
    }

    fn affected(&self, change: Change<'_>, _: &dyn View) -> Vec<String> {
        let Some(object) = change.object() else { return Vec::new() };
        if *change.of == SERVICES {
            return vec![object.key()];
        }
        if *change.of == ENDPOINT_SLICES { slices::service_of(object, US).into_iter().collect() } else { Vec::new() }
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        // Slices of Endpoints that are gone go with their owner.
        let Some(endpoints) = view.get(&ENDPOINTS, key).filter(|endpoints| !endpoints.head.is_deleting()) else {
            return Plan::rest();
        };
        let value = endpoints.to_value();
        let wanted = if is_mirrored(&endpoints, &value, view) { mirrors(&value) } else { BTreeMap::new() };
        let owned = view.owned_by(&ENDPOINT_SLICES, &endpoints.head.uid).into_iter();
        let existing = owned.filter(|slice| slices::is_written_by(slice, US));
        Plan::of(level(&endpoints, wanted, existing))
    }
}

fn is_mirrored(endpoints: &Object, value: &Value, view: &dyn View) -> bool {
    let is_skipped = endpoints.head.labels.get(SKIP).is_some_and(|skip| skip == "true")
        || !value["metadata"]["annotations"][LEADER].is_null();
    let service = view.get(&SERVICES, &endpoints.key()).map(|service| service.to_value());
    !is_skipped
        && service.is_some_and(|service| service["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty))
}

/// Ports and endpoints of every slice, by ports and family.
fn mirrors(endpoints: &Value) -> BTreeMap<(String, &'static str), (Value, Vec<Value>)> {
    let mut mirrors = BTreeMap::new();
    for subset in endpoints["subsets"].as_array().into_iter().flatten() {
        let ports = ports(subset);
        let all = [("addresses", true), ("notReadyAddresses", false)].into_iter().flat_map(|(field, ready)| {
            subset[field].as_array().into_iter().flatten().map(move |address| (address, ready))
        });
        for (address, ready) in all.take(MOST) {
            let family = if address["ip"].as_str().unwrap_or_default().contains(':') { "IPv6" } else { "IPv4" };
            let slice =
                mirrors.entry((ports.to_string(), family)).or_insert_with(|| (ports.clone(), Vec::<Value>::new()));
            slice.1.push(endpoint(address, ready));
        }
    }
    mirrors
}

/// The ports as the API server keeps them, so that equal ones are equal text.
fn ports(subset: &Value) -> Value {
    let ports = subset["ports"].as_array().into_iter().flatten();
    let one = |port: &Value| {
        let mut new = json!({
            "name": port["name"].as_str().unwrap_or_default(), "port": port["port"],
            "protocol": port["protocol"].as_str().unwrap_or("TCP"),
        });
        if let Some(protocol) = port["appProtocol"].as_str() {
            new["appProtocol"] = protocol.into();
        }
        new
    };
    ports.map(one).collect::<Vec<_>>().into()
}

fn endpoint(address: &Value, ready: bool) -> Value {
    let mut endpoint = json!({"addresses": [address["ip"]], "conditions": {"ready": ready}});
    for field in ["hostname", "nodeName", "targetRef"] {
        if !address[field].is_null() {
            endpoint[field] = address[field].clone();
        }
    }
    endpoint
}

fn level(
    endpoints: &Object,
    mut wanted: BTreeMap<(String, &'static str), (Value, Vec<Value>)>,
    existing: impl Iterator<Item = Arc<Object>>,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for slice in existing {
        let value = slice.to_value();
        let family = if value["addressType"] == "IPv6" { "IPv6" } else { "IPv4" };
        let ports = if value["ports"].is_null() { json!([]) } else { value["ports"].clone() };
        let Some((_, targets)) = wanted.remove(&(ports.to_string(), family)) else {
            actions.push(Action::delete(&ENDPOINT_SLICES, &slice));
            continue;
        };
        actions.extend(slices::update(value, slices::labels(endpoints, US), targets));
    }
    let create = |((_, family), (ports, targets)): ((String, &str), (Value, Vec<Value>))| {
        slices::create(endpoints, KIND, family, slices::labels(endpoints, US), &ports, targets)
    };
    actions.extend(wanted.into_iter().map(create));
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn put(world: &World, addresses: &[&str]) {
        let addresses: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
        let body = json!({
            "metadata": {"name": "db", "namespace": "d", "uid": "u"},
            "subsets": [{"addresses": addresses, "ports": [{"port": 5432, "protocol": "TCP"}]}],
        });
        world.put(&ENDPOINTS, body);
    }

    fn round(world: &World) -> String {
        world.round(&EndpointSliceMirroring, "d/db", Timestamp::default())
    }

    #[test]
    fn custom_endpoints_are_mirrored_while_nobody_selects() {
        let world = World::default();
        put(&world, &["192.0.2.1", "2001:db8::1"]);
        assert_eq!(round(&world), "", "no Service");
        world.put(&SERVICES, json!({"metadata": {"name": "db", "namespace": "d"}, "spec": {}}));
        assert_eq!(round(&world), "create endpointslices db-\ncreate endpointslices db-");
        assert_eq!(round(&world), "");
        put(&world, &["192.0.2.1", "192.0.2.2"]);
        assert_eq!(round(&world).lines().map(|line| &line[..6]).collect::<Vec<_>>(), ["update", "delete"]);
        world.put(&SERVICES, json!({"metadata": {"name": "db", "namespace": "d"}, "spec": {"selector": {"a": "b"}}}));
        assert_eq!(round(&world).lines().count(), 1, "the last slice goes");
    }
}
