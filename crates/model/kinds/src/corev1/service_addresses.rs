//! How the fields of a Service that the server allocates depend on each other. The allocation itself is the server's.
//!
//! Upstream: `pkg/registry/core/service/strategy.go`, `storage/alloc.go`.

use crate::edit::{items, remove};
use crate::path::Path;
use crate::read::{count, has, is_empty, list, number, text};
use apimachinery::{Problems, Value};
use serde_json::json;

/// Whether the server must give this service an address: all but external names and headless services.
pub fn needs_cluster_ip(spec: &Value) -> bool {
    text(spec, "type") != "ExternalName" && text(spec, "clusterIP") != "None"
}

/// Whether the server must give each port a port on the nodes.
pub fn needs_node_ports(spec: &Value) -> bool {
    match text(spec, "type") {
        "NodePort" => true,
        "LoadBalancer" => spec.get("allocateLoadBalancerNodePorts").and_then(Value::as_bool).unwrap_or(true),
        _ => false,
    }
}

/// Whether the balancer asks the nodes who has local endpoints.
pub fn needs_health_check_node_port(spec: &Value) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// Whether pods, not addresses of the service, are to be reached.
pub fn is_headless(spec: &Value) -> bool {
    text(spec, "clusterIP") == "None"
}

/// Keeps `clusterIP` and `clusterIPs` alike where a client wrote only one of them. `old` is null on create.
pub fn mirror_cluster_ips(spec: &mut Value, old: &Value) {
    let single = text(spec, "clusterIP").to_owned();
    let first = spec["clusterIPs"][0].as_str().unwrap_or("").to_owned();
    if old.is_null() {
        if !single.is_empty() && is_empty(spec, "clusterIPs") {
            spec["clusterIPs"] = json!([single]);
        } else if single.is_empty() && !first.is_empty() {
            spec["clusterIP"] = first.into();
        }
        return;
    }
    let old_single = text(old, "clusterIP");
    let lists_equal = spec.get("clusterIPs").unwrap_or(&Value::Null) == old.get("clusterIPs").unwrap_or(&Value::Null);
    if single.is_empty() && !old_single.is_empty() && lists_equal {
        // Only the single field was cleared.
        remove(spec, "clusterIPs");
    } else if single != old_single && lists_equal && !single.is_empty() {
        spec["clusterIPs"] = json!([single]);
    }
}

/// Carries over what was allocated and the client left out.
pub fn keep_allocated(new: &mut Value, old: &Value) {
    if needs_cluster_ip(new) && needs_cluster_ip(old) && is_empty(new, "clusterIP") && is_empty(new, "clusterIPs") {
        for field in ["clusterIP", "clusterIPs"] {
            if has(old, field) {
                new[field] = old[field].clone();
            }
        }
    }
    if needs_node_ports(new) && needs_node_ports(old) {
        let given: Vec<i64> = list(new, "ports").iter().map(|port| number(port, "nodePort")).collect();
        for port in items(new, "ports").filter(|port| number(port, "nodePort") == 0) {
            let same = |was: &&Value| {
                number(was, "port") == number(port, "port") && text(was, "protocol") == text(port, "protocol")
            };
            let kept = list(old, "ports").iter().find(same).map_or(0, |was| number(was, "nodePort"));
            if kept != 0 && !given.contains(&kept) {
                port["nodePort"] = kept.into();
            }
        }
    }
    if needs_health_check_node_port(new) && needs_health_check_node_port(old) && number(new, "healthCheckNodePort") == 0
    {
        let kept = number(old, "healthCheckNodePort");
        if kept != 0 {
            new["healthCheckNodePort"] = kept.into();
        }
    }
}

/// After a change of type: drops what belonged to the old type and was not changed by the client.
pub fn drop_stale(new: &mut Value, old: &Value) {
    let unchanged = |new: &Value, field: &str| new.get(field) == old.get(field);
    if text(old, "type") != "ExternalName" && text(new, "type") == "ExternalName" {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
            if unchanged(new, field) {
                remove(new, field);
            }
        }
        if is_empty(new, "clusterIP") {
            remove(new, "clusterIP");
        }
    }
    let same_ports = node_ports(new) == node_ports(old);
    if needs_node_ports(old) && !needs_node_ports(new) && same_ports {
        items(new, "ports").for_each(|port| remove(port, "nodePort"));
    }
    if needs_health_check_node_port(old) && !needs_health_check_node_port(new) && unchanged(new, "healthCheckNodePort")
    {
        remove(new, "healthCheckNodePort");
    }
    if text(old, "type") == "LoadBalancer" && text(new, "type") != "LoadBalancer" {
        for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            if unchanged(new, field) {
                remove(new, field);
            }
        }
    }
    let reachable = matches!(text(new, "type"), "NodePort" | "LoadBalancer") || count(new, "externalIPs") > 0;
    if !reachable && unchanged(new, "externalTrafficPolicy") {
        remove(new, "externalTrafficPolicy");
    }
}

fn node_ports(spec: &Value) -> Vec<i64> {
    list(spec, "ports").iter().map(|port| number(port, "nodePort")).collect()
}

/// Sets the families of a service of a cluster that has one family (`IPv4` or `IPv6`); external names have none. What
/// only describes somebody's addresses, headless and without a selector, may have both.
///
/// Upstream: `initIPFamilyFields`.
pub fn set_single_family(spec: &mut Value, family: &str, problems: &mut Problems) {
    if text(spec, "type") == "ExternalName" {
        return;
    }
    if is_headless(spec) && is_empty(spec, "selector") {
        if is_empty(spec, "ipFamilyPolicy") {
            spec["ipFamilyPolicy"] = "RequireDualStack".into();
        }
        let first = spec["ipFamilies"][0].as_str().unwrap_or(family).to_owned();
        if text(spec, "ipFamilyPolicy") == "SingleStack" {
            spec["ipFamilies"] = json!([first]);
        } else if count(spec, "ipFamilies") < 2 {
            let other = if first == "IPv4" { "IPv6" } else { "IPv4" };
            spec["ipFamilies"] = json!([first, other]);
        }
        return;
    }
    let at = Path::new("spec");
    for (index, wanted) in list(spec, "ipFamilies").iter().filter_map(Value::as_str).enumerate() {
        if wanted != family {
            problems.invalid(at.field("ipFamilies").index(index), wanted, "not configured on this cluster");
        }
    }
    if text(spec, "ipFamilyPolicy") == "RequireDualStack" {
        let message = "this cluster is not configured for dual-stack services";
        problems.invalid(at.field("ipFamilyPolicy"), "RequireDualStack", message);
    }
    if is_empty(spec, "ipFamilies") {
        spec["ipFamilies"] = json!([family]);
    }
    if is_empty(spec, "ipFamilyPolicy") {
        spec["ipFamilyPolicy"] = "SingleStack".into();
    }
}
