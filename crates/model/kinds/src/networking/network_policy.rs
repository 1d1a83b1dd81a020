//! `networking.k8s.io/v1` NetworkPolicy: who may talk to some pods, and whom they may talk to.
//!
//! Upstream: `pkg/apis/networking/v1/defaults.go`, `pkg/apis/networking/validation/validation.go`.

use crate::KindDef;
use crate::cells::{AGE, NAME, column, selector};
use crate::checks::{label_selector, one_of, port_number, port_or_name};
use crate::edit::{default, each, items, object_or_new};
use crate::path::Path;
use crate::read::{has, is_empty, list, number, text};
use apimachinery::validate::is_valid_cidr;
use apimachinery::{Problems, Value};
use serde_json::json;
use std::net::IpAddr;

pub const KIND: KindDef = KindDef {
    short_names: &["netpol"],
    set_defaults,
    columns: &[
        NAME,
        column("Pod-Selector", "The pods it is about.", |policy, _| selector(&policy["spec"]["podSelector"]).into()),
        AGE,
    ],
    validate,
    generation: true,
    ..KindDef::new(
        ("networking.k8s.io", "v1", "NetworkPolicy"),
        ("networkpolicies", "networkpolicy"),
        "io.k8s.api.networking.v1.NetworkPolicy",
    )
};

/// The lists of rules, the peers in a rule, and the type that says that the rules count.
const DIRECTIONS: [(&str, &str, &str); 2] = [("ingress", "from", "Ingress"), ("egress", "to", "Egress")];

fn set_defaults(policy: &mut Value) {
    let Some(spec) = object_or_new(policy, "spec") else { return };
    default(spec, "podSelector", json!({}));
    for (rules, ..) in DIRECTIONS {
        items(spec, rules).for_each(|rule| each(rule, "ports", |port| default(port, "protocol", "TCP")));
    }
    if is_empty(spec, "policyTypes") {
        let types = if is_empty(spec, "egress") { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) };
        spec["policyTypes"] = types;
    }
}

fn validate(policy: &Value, problems: &mut Problems) {
    let (spec, at) = (&policy["spec"], Path::new("spec"));
    label_selector(&spec["podSelector"], at.field("podSelector"), problems);
    for (rules, peers, _) in DIRECTIONS {
        let all = at.field(rules);
        for (index, rule) in list(spec, rules).iter().enumerate() {
            let at = all.index(index);
            let ports = at.field("ports");
            list(rule, "ports")
                .iter()
                .enumerate()
                .for_each(|(index, port)| validate_port(port, ports.index(index), problems));
            let at = at.field(peers);
            list(rule, peers)
                .iter()
                .enumerate()
                .for_each(|(index, peer)| validate_peer(peer, at.index(index), problems));
        }
    }
    validate_types(list(spec, "policyTypes"), at.field("policyTypes"), problems);
}

fn validate_types(types: &[Value], at: Path, problems: &mut Problems) {
    if types.len() > DIRECTIONS.len() {
        return problems.invalid(at, types.to_vec(), "may not specify more than two policyTypes");
    }
    for (index, kind) in types.iter().enumerate() {
        if !DIRECTIONS.iter().any(|(_, _, known)| kind == known) {
            problems.not_supported(at.index(index), kind.as_str().unwrap_or(""), &["Egress", "Ingress"]);
        }
    }
}

fn validate_port(port: &Value, at: Path, problems: &mut Problems) {
    if has(port, "protocol") {
        one_of(port, "protocol", at, &["SCTP", "TCP", "UDP"], problems);
    }
    let (end, at_end) = (number(port, "endPort"), at.field("endPort"));
    if has(port, "port") {
        port_or_name(port, "port", at, problems);
    }
    if !has(port, "endPort") {
        return;
    }
    match &port["port"] {
        Value::Null => problems.invalid(at_end, end, "may not be specified when `port` is not specified"),
        Value::String(_) => problems.invalid(at_end, end, "may not be specified when `port` is non-numeric"),
        first => {
            if end < first.as_i64().unwrap_or(0) {
                problems.invalid(at_end, end, "must be greater than or equal to `port`");
            }
            port_number(end, at_end, problems);
        }
    }
}

fn validate_peer(peer: &Value, at: Path, problems: &mut Problems) {
    let selectors = ["podSelector", "namespaceSelector"];
    for field in selectors {
        label_selector(&peer[field], at.field(field), problems);
    }
    let selects = selectors.iter().any(|field| has(peer, field));
    match (selects, has(peer, "ipBlock")) {
        (false, false) => problems.required(at, "must specify a peer"),
        (true, true) => problems.forbidden(at, "may not specify both ipBlock and another peer"),
        _ => {}
    }
    if has(peer, "ipBlock") {
        validate_block(&peer["ipBlock"], at.field("ipBlock"), problems);
    }
}

fn validate_block(block: &Value, at: Path, problems: &mut Problems) {
    let cidr = text(block, "cidr");
    if cidr.is_empty() {
        return problems.required(at.field("cidr"), "");
    }
    for message in is_valid_cidr(cidr) {
        problems.invalid(at.field("cidr"), cidr, &message);
    }
    let at = at.field("except");
    for (index, except) in list(block, "except").iter().enumerate() {
        let (at, except) = (at.index(index), except.as_str().unwrap_or(""));
        let wrong = is_valid_cidr(except);
        for message in &wrong {
            problems.invalid(at, except, message);
        }
        if wrong.is_empty() && is_valid_cidr(cidr).is_empty() && !is_strictly_inside(except, cidr) {
            problems.invalid(at, except, "must be a strict subset of `cidr`");
        }
    }
}

fn is_strictly_inside(inner: &str, outer: &str) -> bool {
    let (Some((inner, inner_bits)), Some((outer, outer_bits))) = (range(inner), range(outer)) else { return false };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let mask = u128::MAX.checked_shl(128 - outer_bits).unwrap_or(0);
    inner.is_ipv4() == outer.is_ipv4() && inner_bits > outer_bits && bits(inner) & mask == bits(outer) & mask
}

fn range(cidr: &str) -> Option<(IpAddr, u32)> {
    let (address, prefix) = cidr.split_once('/')?;
    Some((address.parse().ok()?, prefix.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn policy(spec: Value) -> Value {
        let mut policy = json!({"metadata": {"name": "p"}, "spec": spec});
        set_defaults(&mut policy);
        policy
    }

    #[track_caller]
    fn check(spec: Value, expected: Expect) {
        let mut problems = Problems::default();
        validate(&policy(spec), &mut problems);
        let lines: Vec<String> = problems.into_vec().iter().map(|p| format!("{}: {}\n", p.field, p.message)).collect();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn defaults_are_the_types_its_rules_ask_for_and_tcp() {
        assert_eq!(policy(json!({}))["spec"], json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
        let both = policy(json!({"podSelector": {"matchLabels": {"a": "b"}}, "egress": [{"ports": [{"port": 53}]}]}));
        assert_eq!(both["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(both["spec"]["egress"][0]["ports"][0]["protocol"], "TCP");
        let told = policy(json!({"policyTypes": ["Egress"], "ingress": [{}]}));
        assert_eq!(told["spec"]["policyTypes"], json!(["Egress"]));
    }

    #[test]
    fn what_is_right_passes() {
        let ports = json!([{"port": 80}, {"port": "http", "protocol": "UDP"}, {"port": 80, "endPort": 90}, {}]);
        let peers = json!([
            {"podSelector": {}}, {"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {}},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"ipBlock": {"cidr": "fd00::/8"}},
        ]);
        check(
            json!({"ingress": [{"from": peers, "ports": ports}], "egress": [{"to": peers, "ports": ports}]}),
            expect![""],
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let ports = json!([
            {"port": 0}, {"port": "no_name"}, {"port": 1, "protocol": "ICMP"}, {"endPort": 9},
            {"port": "http", "endPort": 9}, {"port": 10, "endPort": 9}, {"port": 10, "endPort": 70000},
        ]);
        let peers = json!([
            {}, {"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {}},
            {"ipBlock": {"cidr": "10.0.0.0"}},
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8", "11.0.0.0/16", "fd00::/16", "x"]}},
        ]);
        let spec = json!({
            "podSelector": {"matchLabels": {"a b": "c"}}, "policyTypes": ["Ingress", "Both"],
            "ingress": [{"from": peers, "ports": ports}],
        });
        check(
            spec,
            expect![[r#"
            spec.podSelector.matchLabels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
            spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive
            spec.ingress[0].ports[1].port: Invalid value: "no_name": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)
            spec.ingress[0].ports[2].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"
            spec.ingress[0].ports[3].endPort: Invalid value: 9: may not be specified when `port` is not specified
            spec.ingress[0].ports[4].endPort: Invalid value: 9: may not be specified when `port` is non-numeric
            spec.ingress[0].ports[5].endPort: Invalid value: 9: must be greater than or equal to `port`
            spec.ingress[0].ports[6].endPort: Invalid value: 70000: must be between 1 and 65535, inclusive
            spec.ingress[0].from[0]: Required value: must specify a peer
            spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer
            spec.ingress[0].from[2].ipBlock.cidr: Required value
            spec.ingress[0].from[3].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)
            spec.ingress[0].from[4].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`
            spec.ingress[0].from[4].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`
            spec.ingress[0].from[4].ipBlock.except[2]: Invalid value: "fd00::/16": must be a strict subset of `cidr`
            spec.ingress[0].from[4].ipBlock.except[3]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)
            spec.policyTypes[1]: Unsupported value: "Both": supported values: "Egress", "Ingress"
        "#]],
        );
        check(
            json!({"policyTypes": ["Ingress", "Egress", "Ingress"]}),
            expect![[r#"
            spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes
        "#]],
        );
    }

    #[test]
    fn its_row_shows_whom_it_is_about() {
        let about = |spec: Value| (KIND.columns[1].cell)(&policy(spec), &crate::Now(0));
        assert_eq!(about(json!({})), "<none>");
        assert_eq!(about(json!({"podSelector": {"matchLabels": {"app": "web"}}})), "app=web");
    }
}
