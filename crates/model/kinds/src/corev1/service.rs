//! `v1` Service: one name and address for a set of pods.

use crate::edit::{default, default_text, each, object, object_or_new, remove};
use crate::read::{is_empty, text};
use crate::{KindDef, NameRule, Prepare, Subresource};
use apimachinery::Value;
use serde_json::json;

pub const KIND: KindDef = KindDef {
    short_names: &["svc"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    selectable: &[("spec.clusterIP", "/spec/clusterIP"), ("spec.type", "/spec/type")],
    prepare: Prepare::STATUS,
    name_rule: NameRule::Rfc1035Label,
    set_defaults,
    ..KindDef::new(("", "v1", "Service"), ("services", "service"), "io.k8s.api.core.v1.Service")
};

/// Three hours. Upstream: `DefaultClientIPServiceAffinitySeconds`.
const AFFINITY_SECONDS: i64 = 10_800;

fn set_defaults(service: &mut Value) {
    if let Some(spec) = object(service, "spec") {
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
