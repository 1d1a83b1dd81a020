//! What balancers are told that ask a node whether it has endpoints of a Service.
//!
//! Upstream: `pkg/proxy/healthcheck/service_health.go`.

use crate::world::{Name, World};
use std::collections::{BTreeMap, BTreeSet};

/// One `healthCheckNodePort`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    pub service: Name,
    /// Ready ones on this node.
    pub endpoints: usize,
}

/// By port of the node. A port belongs to one Service; the API server sees to that.
pub fn health_checks(world: &World, node: &str) -> BTreeMap<u16, HealthCheck> {
    let asked = world.services().filter_map(|(name, service)| Some((name, service.health_check_port?)));
    let checks = asked.map(|(name, port)| {
        let all = world.slices(name).flat_map(|slice| &slice.endpoints);
        let here = all.filter(|endpoint| endpoint.ready && endpoint.node.as_deref() == Some(node));
        let addresses: BTreeSet<_> = here.map(|endpoint| endpoint.address).collect();
        (port, HealthCheck { service: name.clone(), endpoints: addresses.len() })
    });
    checks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use apimachinery::{Object, Value};
    use serde_json::json;

    fn object(value: &Value) -> Object {
        Object::from_value(value).unwrap()
    }

    #[test]
    fn only_balancers_with_a_local_policy_are_told_of_ready_endpoints_here() {
        let mut world = World::default();
        let mut put = |name: &str, policy: &str, kind: &str, port: u16| {
            let spec = json!({
                "type": kind, "clusterIP": "10.96.1.1", "externalTrafficPolicy": policy, "healthCheckNodePort": port,
            });
            let metadata = json!({"name": name, "namespace": "d"});
            let service = json!({"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": spec});
            world.put_service(&object(&service)).unwrap();
            let endpoint = |ip: &str, node: &str, ready: bool| json!({"addresses": [ip], "nodeName": node, "conditions": {"ready": ready}});
            let endpoints = [
                endpoint("10.0.0.1", "n1", true),
                endpoint("10.0.0.1", "n1", true),
                endpoint("10.0.0.2", "n1", false),
                endpoint("10.0.0.3", "n2", true),
            ];
            let labels = json!({"kubernetes.io/service-name": name});
            let slice = json!({
                "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
                "metadata": {"name": name, "namespace": "d", "labels": labels}, "endpoints": endpoints,
            });
            world.put_slice(&object(&slice)).unwrap();
        };
        put("a", "Local", "LoadBalancer", 31000);
        put("b", "Cluster", "LoadBalancer", 31001);
        put("c", "Local", "NodePort", 31002);
        put("e", "Local", "LoadBalancer", 0);
        let found = health_checks(&world, "n1");
        let shown: Vec<String> =
            found.iter().map(|(port, it)| format!("{port} {} {}", it.service, it.endpoints)).collect();
        assert_eq!(shown, ["31000 d/a 1"]);
    }
}
