//! `v1` Service: one name and address for a set of pods.

use super::service_addresses::{drop_stale, keep_allocated, mirror_cluster_ips};
use super::service_rules;
use crate::cells::{AGE, NAME, column, labels, or, wide};
use crate::edit::{default, default_text, each, object, object_or_new, remove};
use crate::prepare::keep_status;
use crate::read::{is_empty, list, number, text};
use crate::{KindDef, NameRule, Prepare, Subresource};
use apimachinery::Value;
use serde_json::json;

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    short_names: &["svc"],
    categories: &["all"],
    subresources: &[
        Subresource::Status,
        Subresource::Special {
            name: "proxy",
            kind: ("", "v1", "ServiceProxyOptions"),
            verbs: &["create", "delete", "get", "patch", "update"],
        },
    ],
    selectable: &[("spec.clusterIP", "/spec/clusterIP"), ("spec.type", "/spec/type")],
    prepare: Prepare { create, update, ..Prepare::STATUS },
    name_rule: NameRule::Rfc1035Label,
    set_defaults,
    columns: &[
        NAME,
        column("Type", "How the service is reached.", |service, _| text(&service["spec"], "type").into()),
        column("Cluster-IP", "The address within the cluster.", |service, _| {
            or(list(&service["spec"], "clusterIPs").first().and_then(Value::as_str).unwrap_or(""), "<none>")
        }),
        column("External-IP", "The addresses from outside.", |service, _| external_addresses(service)),
        column("Port(s)", "The ports, with those of the nodes.", |service, _| ports(&service["spec"])),
        AGE,
        wide("Selector", "Which pods stand behind the service.", |service, _| labels(&service["spec"]["selector"])),
    ],
    validate: service_rules::validate,
    validate_update: service_rules::validate_update,
    ..KindDef::new(("", "v1", "Service"), ("services", "service"), "io.k8s.api.core.v1.Service")
};

/// Three hours. Upstream: `DefaultClientIPServiceAffinitySeconds`.
const AFFINITY_SECONDS: i64 = 10_800;

fn set_defaults(service: &mut Value) {
    if let Some(spec) = object_or_new(service, "spec") {
        set_spec_defaults(spec);
        let balanced = text(spec, "type") == "LoadBalancer";
        if let Some(status) = object_or_new(service, "status")
            && let Some(balancer) = object_or_new(status, "loadBalancer")
            && balanced
        {
            each(balancer, "ingress", |ingress| {
                if !text(ingress, "ip").is_empty() {
                    default(ingress, "ipMode", "VIP");
                }
            });
        }
    }
}

fn set_spec_defaults(spec: &mut Value) {
    default_text(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => remove(spec, "sessionAffinityConfig"),
        "ClientIP" if spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"].is_null() => {
            spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}});
        }
        _ => {}
    }
    default_text(spec, "type", "ClusterIP");
    each(spec, "ports", |port| {
        default_text(port, "protocol", "TCP");
        if matches!(port.get("targetPort"), None | Some(Value::Null))
            || port["targetPort"] == 0
            || port["targetPort"] == ""
        {
            port["targetPort"] = port["port"].clone();
        }
    });
    let kind = text(spec, "type").to_owned();
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort") || (kind == "ClusterIP" && !is_empty(spec, "externalIPs")) {
        default_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort" | "ClusterIP") {
        default(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", true);
    }
}

fn external_addresses(service: &Value) -> Value {
    let spec = &service["spec"];
    let own = list(spec, "externalIPs").iter().filter_map(Value::as_str);
    match text(spec, "type") {
        "ExternalName" => text(spec, "externalName").into(),
        "LoadBalancer" => {
            let given =
                list(&service["status"]["loadBalancer"], "ingress").iter().map(|ingress| match text(ingress, "ip") {
                    "" => text(ingress, "hostname"),
                    ip => ip,
                });
            or(&given.filter(|address| !address.is_empty()).chain(own).collect::<Vec<_>>().join(","), "<pending>")
        }
        _ => or(&own.collect::<Vec<_>>().join(","), "<none>"),
    }
}

fn ports(spec: &Value) -> Value {
    let shown = list(spec, "ports").iter().map(|port| {
        let (number, node_port, protocol) = (number(port, "port"), number(port, "nodePort"), text(port, "protocol"));
        if node_port > 0 { format!("{number}:{node_port}/{protocol}") } else { format!("{number}/{protocol}") }
    });
    or(&shown.collect::<Vec<_>>().join(","), "<none>")
}

fn create(service: &mut Value) {
    service["status"] = json!({"loadBalancer": {}});
    if let Some(spec) = object(service, "spec") {
        mirror_cluster_ips(spec, &Value::Null);
    }
}

fn update(service: &mut Value, old: &Value) {
    keep_status(service, old);
    if text(&service["spec"], "type") != "LoadBalancer" {
        // Taking the balancer down takes time, but nobody has to see that.
        service["status"]["loadBalancer"] = json!({});
    }
    let old = &old["spec"];
    if let Some(spec) = object(service, "spec") {
        mirror_cluster_ips(spec, old);
        keep_allocated(spec, old);
        drop_stale(spec, old);
    }
}
