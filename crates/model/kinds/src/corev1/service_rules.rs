//! What must hold of a Service.
//!
//! Ranges of addresses and node ports are the server's to check, who allocates them.
//!
//! Upstream: `pkg/apis/core/validation/validation.go` (ValidateService, ValidateServiceUpdate).

use super::endpoints::is_endpoint_ip;
use super::service_addresses::{is_headless, needs_health_check_node_port};
use crate::checks::{follows, labels, one_of, optional_name, optional_one_of, port_number, port_or_name, same};
use crate::path::Path;
use crate::read::{count, flag, has, is_empty, list, number, text};
use apimachinery::validate::{is_dns1123_label, is_dns1123_subdomain, is_qualified_name, is_valid_cidr, is_valid_ip};
use apimachinery::{Problems, Value};
use serde_json::json;
use std::collections::BTreeSet;

const SPEC: Path = Path::new("spec");

/// A client stays with its pod for a day at most. Upstream: `MaxClientIPServiceAffinitySeconds`.
const MAX_AFFINITY_SECONDS: i64 = 86_400;

pub fn validate(service: &Value, problems: &mut Problems) {
    let spec = &service["spec"];
    let kind = text(spec, "type");
    if count(spec, "ports") == 0 && !is_headless(spec) && kind != "ExternalName" {
        problems.required(SPEC.field("ports"), "");
    }
    by_type(spec, problems);
    ports(spec, SPEC.field("ports"), problems);
    labels(spec, "selector", SPEC, problems);
    affinity(spec, problems);
    addresses(spec, problems);
    one_of(spec, "type", SPEC, &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], problems);
    policies(spec, problems);
    balancer(spec, problems);
    optional_one_of(spec, "trafficDistribution", SPEC, &["PreferClose", "PreferSameNode", "PreferSameZone"], problems);
    if kind != "LoadBalancer" && !is_empty(&service["status"]["loadBalancer"], "ingress") {
        problems.forbidden("status.loadBalancer.ingress", "may only be used when `spec.type` is \"LoadBalancer\"");
    }
}

fn by_type(spec: &Value, problems: &mut Problems) {
    let kind = text(spec, "type");
    match kind {
        "LoadBalancer" | "NodePort" if is_headless(spec) => {
            let message = format!("may not be set to 'None' for {kind} services");
            let at = SPEC.field("clusterIPs");
            problems.invalid(at.index(0), "None", &message);
        }
        "ExternalName" => {
            if !is_empty(spec, "clusterIPs") || !is_empty(spec, "clusterIP") {
                problems.forbidden(SPEC.field("clusterIPs"), "may not be set for ExternalName services");
            }
            // A final dot says that the name is complete.
            match text(spec, "externalName").strip_suffix('.').unwrap_or(text(spec, "externalName")) {
                "" => problems.required(SPEC.field("externalName"), ""),
                name => follows(name, SPEC.field("externalName"), is_dns1123_subdomain, problems),
            }
        }
        _ => {}
    }
}

fn ports(spec: &Value, at: Path, problems: &mut Problems) {
    let ports = list(spec, "ports");
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let at = at.index(index);
        match text(port, "name") {
            "" if ports.len() > 1 => problems.required(at.field("name"), ""),
            "" => {}
            name => {
                follows(name, at.field("name"), is_dns1123_label, problems);
                if !names.insert(name) {
                    problems.duplicate(at.field("name"), name);
                }
            }
        }
        port_number(number(port, "port"), at.field("port"), problems);
        one_of(port, "protocol", at, &["SCTP", "TCP", "UDP"], problems);
        port_or_name(port, "targetPort", at, problems);
        optional_name(port, "appProtocol", at, is_qualified_name, problems);
        if text(spec, "type") == "ClusterIP" && number(port, "nodePort") != 0 {
            problems.forbidden(at.field("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
    }
    unique_ports(ports, at, problems);
}

/// One protocol and number stands for one port, on the service and on the nodes.
fn unique_ports(ports: &[Value], at: Path, problems: &mut Problems) {
    let (mut used, mut on_nodes) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        let at = at.index(index);
        let (protocol, port_number, node_port) =
            (text(port, "protocol"), number(port, "port"), number(port, "nodePort"));
        if !used.insert((protocol, port_number)) {
            let shown = json!({
                "Name": "", "Protocol": protocol, "AppProtocol": null,
                "Port": port_number, "TargetPort": 0, "NodePort": 0,
            });
            problems.duplicate(at, shown);
        }
        if node_port != 0 && !on_nodes.insert((protocol, node_port)) {
            problems.duplicate(at.field("nodePort"), node_port);
        }
    }
}

fn affinity(spec: &Value, problems: &mut Problems) {
    one_of(spec, "sessionAffinity", SPEC, &["ClientIP", "None"], problems);
    let at = SPEC.field("sessionAffinityConfig");
    if text(spec, "sessionAffinity") == "ClientIP" {
        let seconds = number(&spec["sessionAffinityConfig"]["clientIP"], "timeoutSeconds");
        if seconds <= 0 || seconds > MAX_AFFINITY_SECONDS {
            let message = format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}");
            let at = at.field("clientIP");
            problems.invalid(at.field("timeoutSeconds"), seconds, &message);
        }
    } else if has(spec, "sessionAffinityConfig") {
        problems.forbidden(at, "must not be set when session affinity is None");
    }
}

fn addresses(spec: &Value, problems: &mut Problems) {
    for (index, ip) in list(spec, "externalIPs").iter().filter_map(Value::as_str).enumerate() {
        let at = SPEC.field("externalIPs");
        follows(ip, at.index(index), is_endpoint_ip, problems);
    }
    let given = list(spec, "clusterIPs");
    let at = SPEC.field("clusterIPs");
    for (index, ip) in given.iter().filter_map(Value::as_str).enumerate().filter(|(_, ip)| *ip != "None") {
        follows(ip, at.index(index), is_valid_ip, problems);
    }
    if given.first().is_some_and(|first| *first != spec["clusterIP"]) {
        let first = given[0].clone();
        problems.invalid(at, json!([first]), "element [0] must match clusterIP");
    }
    if has(spec, "ipFamilyPolicy") {
        let known = ["PreferDualStack", "RequireDualStack", "SingleStack"];
        one_of(spec, "ipFamilyPolicy", SPEC, &known, problems);
    }
    let families = SPEC.field("ipFamilies");
    for (index, family) in list(spec, "ipFamilies").iter().filter_map(Value::as_str).enumerate() {
        if !matches!(family, "IPv4" | "IPv6") {
            problems.not_supported(families.index(index), family, &["IPv4", "IPv6"]);
        }
    }
}

fn policies(spec: &Value, problems: &mut Problems) {
    let kind = text(spec, "type");
    let reachable =
        matches!(kind, "LoadBalancer" | "NodePort") || (kind == "ClusterIP" && !is_empty(spec, "externalIPs"));
    let policy = text(spec, "externalTrafficPolicy");
    if reachable {
        one_of(spec, "externalTrafficPolicy", SPEC, &["Cluster", "Local"], problems);
    } else if !policy.is_empty() {
        let message = "may only be set for externally-accessible services";
        problems.invalid(SPEC.field("externalTrafficPolicy"), policy, message);
    }
    if has(spec, "internalTrafficPolicy") {
        one_of(spec, "internalTrafficPolicy", SPEC, &["Cluster", "Local"], problems);
    }
    let health = number(spec, "healthCheckNodePort");
    if health != 0 && !(kind == "LoadBalancer" && policy == "Local") {
        let message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        problems.invalid(SPEC.field("healthCheckNodePort"), health, message);
    }
}

fn balancer(spec: &Value, problems: &mut Problems) {
    let at = SPEC.field("loadBalancerSourceRanges");
    for (index, range) in list(spec, "loadBalancerSourceRanges").iter().filter_map(Value::as_str).enumerate() {
        follows(range.trim(), at.index(index), is_valid_cidr, problems);
    }
    if text(spec, "type") == "LoadBalancer" {
        if flag(spec, "allocateLoadBalancerNodePorts") || has(spec, "allocateLoadBalancerNodePorts") {
            optional_name(spec, "loadBalancerClass", SPEC, is_qualified_name, problems);
        } else {
            problems.required(SPEC.field("allocateLoadBalancerNodePorts"), "");
        }
        return;
    }
    for field in ["loadBalancerSourceRanges", "allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if has(spec, field) && (field != "loadBalancerSourceRanges" || !is_empty(spec, field)) {
            problems.forbidden(SPEC.field(field), "may only be used when `type` is 'LoadBalancer'");
        }
    }
}

/// An address, once given, stays until the service no longer has one.
pub fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    let (new, old) = (&new["spec"], &old["spec"]);
    let keeps = |spec: &Value| text(spec, "type") != "ExternalName";
    if keeps(new) && keeps(old) && !is_empty(old, "clusterIP") && !same(&new["clusterIP"], &old["clusterIP"]) {
        let at = SPEC.field("clusterIPs");
        let value = if has(new, "clusterIPs") { new["clusterIPs"].clone() } else { json!([new["clusterIP"]]) };
        problems.invalid(at.index(0), value, "may not change once set");
    }
    let (number_before, number_now) = (number(old, "healthCheckNodePort"), number(new, "healthCheckNodePort"));
    let checked = needs_health_check_node_port(old) && needs_health_check_node_port(new);
    if checked && number_before != 0 && number_before != number_now {
        let message =
            "cannot change healthCheckNodePort on loadBalancer service with externalTraffic=Local during update";
        problems.invalid(SPEC.field("healthCheckNodePort"), number_now, message);
    }
    let balancers = text(new, "type") == "LoadBalancer" && text(old, "type") == "LoadBalancer";
    if balancers && !same(&new["loadBalancerClass"], &old["loadBalancerClass"]) {
        let value = new["loadBalancerClass"].clone();
        problems.invalid(SPEC.field("loadBalancerClass"), value, "may not change once set");
    }
}
