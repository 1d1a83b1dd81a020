//! `discovery.k8s.io/v1` EndpointSlice: some of the addresses behind a Service.

use crate::KindDef;
use crate::cells::{AGE, NAME, column, first_three};
use crate::checks::{follows, immutable, one_of, optional_name};
use crate::corev1::endpoints::is_endpoint_ip;
use crate::edit::{default, each};
use crate::path::Path;
use crate::read::{has, list, number, text};
use apimachinery::validate::{
    is_dns1123_label, is_dns1123_subdomain, is_fully_qualified_domain_name, is_qualified_name, is_valid_ipv4_address,
    is_valid_ipv6_address,
};
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    set_defaults,
    columns: &[
        NAME,
        column("AddressType", "The type of all addresses of the slice.", |slice, _| text(slice, "addressType").into()),
        column("Ports", "The ports of each endpoint.", |slice, _| ports(slice).into()),
        column("Endpoints", "The addresses.", |slice, _| endpoints(slice).into()),
        AGE,
    ],
    validate,
    validate_update,
    generation: true,
    ..KindDef::new(
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        ("endpointslices", "endpointslice"),
        "io.k8s.api.discovery.v1.EndpointSlice",
    )
};

fn set_defaults(slice: &mut Value) {
    each(slice, "ports", |port| {
        default(port, "name", "");
        default(port, "protocol", "TCP");
    });
}

fn ports(slice: &Value) -> String {
    let shown = |port: &Value| match (has(port, "port"), text(port, "name")) {
        (true, _) => number(port, "port").to_string(),
        (false, "") => "*".to_owned(),
        (false, name) => name.to_owned(),
    };
    or_unset(&list(slice, "ports").iter().map(shown).collect::<Vec<_>>())
}

fn endpoints(slice: &Value) -> String {
    let addresses = list(slice, "endpoints").iter().flat_map(|endpoint| list(endpoint, "addresses"));
    or_unset(&addresses.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
}

fn or_unset(texts: &[String]) -> String {
    if texts.is_empty() { "<unset>".to_owned() } else { first_three(texts) }
}

/// Upstream: `pkg/apis/discovery/validation/validation.go`.
const MAX_ENDPOINTS: usize = 1000;
const MAX_PORTS: usize = 20_000;
const MAX_ADDRESSES: usize = 100;

fn validate(slice: &Value, problems: &mut Problems) {
    match text(slice, "addressType") {
        "" => problems.required("addressType", ""),
        kind if !matches!(kind, "FQDN" | "IPv4" | "IPv6") => {
            problems.not_supported("addressType", kind, &["FQDN", "IPv4", "IPv6"]);
        }
        _ => {}
    }
    validate_endpoints(slice, Path::new("endpoints"), problems);
    validate_ports(slice, Path::new("ports"), problems);
}

fn validate_endpoints(slice: &Value, at: Path, problems: &mut Problems) {
    let endpoints = list(slice, "endpoints");
    if endpoints.len() > MAX_ENDPOINTS {
        return problems.too_many(at, endpoints.len(), MAX_ENDPOINTS);
    }
    let rule = match text(slice, "addressType") {
        "IPv4" => is_valid_ipv4_address,
        "IPv6" => is_valid_ipv6_address,
        _ => is_fully_qualified_domain_name,
    };
    for (index, endpoint) in endpoints.iter().enumerate() {
        let at = at.index(index);
        let addresses = list(endpoint, "addresses");
        if addresses.is_empty() {
            problems.required(at.field("addresses"), "must contain at least 1 address");
        } else if addresses.len() > MAX_ADDRESSES {
            problems.too_many(at.field("addresses"), addresses.len(), MAX_ADDRESSES);
        }
        for (index, address) in addresses.iter().enumerate() {
            let at = at.field("addresses");
            let (at, address) = (at.index(index), address.as_str().unwrap_or(""));
            follows(address, at, rule, problems);
            if rule(address).is_empty() && text(slice, "addressType") != "FQDN" {
                follows(address, at, is_endpoint_ip, problems);
            }
        }
        optional_name(endpoint, "hostname", at, is_dns1123_label, problems);
        optional_name(endpoint, "nodeName", at, is_dns1123_subdomain, problems);
    }
}

fn validate_ports(slice: &Value, at: Path, problems: &mut Problems) {
    let ports = list(slice, "ports");
    if ports.len() > MAX_PORTS {
        return problems.too_many(at, ports.len(), MAX_PORTS);
    }
    for (index, port) in ports.iter().enumerate() {
        let (at, name) = (at.index(index), text(port, "name"));
        optional_name(port, "name", at, is_dns1123_label, problems);
        if ports[..index].iter().any(|other| text(other, "name") == name) {
            problems.duplicate(at.field("name"), name);
        }
        one_of(port, "protocol", at, &["SCTP", "TCP", "UDP"], problems);
        optional_name(port, "appProtocol", at, is_qualified_name, problems);
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    immutable(&new["addressType"], &old["addressType"], Path::new("addressType"), problems);
}
