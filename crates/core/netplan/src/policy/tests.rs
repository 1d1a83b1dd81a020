//! Worlds of a few pods and policies, and the table that follows.
//!
//! The node's own pods are `web` (10.42.0.5) and `db` (10.42.0.6) of namespace `shop`.

use super::*;
use crate::PodKey;
use apimachinery::{Object, Value};
use expect_test::{Expect, expect};
use serde_json::json;

fn object(namespace: &str, name: &str, labels: Value, rest: Value) -> Object {
    let mut object = rest;
    object["metadata"] = json!({"namespace": namespace, "name": name, "uid": format!("u-{name}"), "labels": labels,
        "resourceVersion": "1"});
    Object::from_value(&object).unwrap()
}

fn pod(namespace: &str, name: &str, ip: &str, port: u16) -> Object {
    let ports = json!([{"name": "http", "containerPort": port}, {"containerPort": 9}]);
    let rest =
        json!({"spec": {"containers": [{"ports": ports}]}, "status": {"podIPs": [{"ip": "fd00::1"}, {"ip": ip}]}});
    object(namespace, name, json!({"app": name}), rest)
}

fn world(policies: &[Value]) -> Policies {
    let mut world = Policies::default();
    for namespace in ["shop", "lab"] {
        world.put_namespace(&object("", namespace, json!({"kubernetes.io/metadata.name": namespace}), json!({})));
    }
    // The address of the node's own pods is not told yet.
    for (name, port) in [("web", 8080), ("db", 5432)] {
        world.put_pod(&pod("shop", name, "", port));
    }
    world.put_pod(&pod("shop", "far", "10.42.1.7", 8081));
    world.put_pod(&pod("lab", "probe", "10.42.1.8", 8082));
    let host = json!({"spec": {"hostNetwork": true}, "status": {"podIP": "192.0.2.2"}});
    world.put_pod(&object("shop", "agent", json!({"app": "agent"}), host));
    let ended = json!({"spec": {}, "status": {"podIP": "10.42.1.9", "phase": "Succeeded"}});
    world.put_pod(&object("shop", "job", json!({"app": "job"}), ended));
    for (index, spec) in policies.iter().enumerate() {
        world.put_policy(&object("shop", &format!("p{index}"), json!({}), json!({"spec": spec})));
    }
    world
}

fn planned(world: &Policies) -> Plan {
    let local = [("web", [10, 42, 0, 5]), ("db", [10, 42, 0, 6]), ("unknown", [10, 42, 0, 7])];
    let key = |name: &str| PodKey { namespace: "shop".into(), name: name.into(), uid: "u".into() };
    let local: Vec<_> = local.into_iter().map(|(name, ip)| (key(name), ip.into())).collect();
    plan(world, &Facts { table: "t".into(), dns_ip: [10, 96, 0, 10].into() }, &local)
}

/// The pods' chains and the elements.
#[track_caller]
fn check(policies: &[Value], expected: Expect) {
    let text = planned(&world(policies)).full();
    let mut shown = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside = (inside || line.contains("gress/") && line.starts_with("\tchain")) && line != "\t}";
        if inside || line.starts_with("add element") {
            shown += &format!("{}\n", line.trim_start_matches('\t'));
        }
    }
    expected.assert_eq(&shown);
}

fn about(app: &str, rest: Value) -> Value {
    let mut spec = rest;
    spec["podSelector"] = json!({"matchLabels": {"app": app}});
    spec
}

#[test]
fn the_whole_table() {
    let deny = json!({"policyTypes": ["Ingress", "Egress"], "egress": [{"to": [{"podSelector": {}}]}]});
    expect![[r#"
        table ip t
        delete table ip t
        table ip t {
        	set to/u-p0/0 {
        		type ipv4_addr
        	}
        	chain egress/10.42.0.5 {
        		ip daddr 10.42.0.5 return
        		ip daddr @to/u-p0/0 return
        		drop
        	}
        	map senders {
        		type ipv4_addr : verdict
        	}
        	chain ingress/10.42.0.5 {
        		ip saddr 10.42.0.5 return
        		drop
        	}
        	map receivers {
        		type ipv4_addr : verdict
        	}
        	chain forward {
        		type filter hook forward priority 0; policy accept;
        		ct state established,related accept
        		ip saddr vmap @senders
        		ip daddr vmap @receivers
        	}
        	chain input {
        		type filter hook input priority 0; policy accept;
        		ct state established,related accept
        		ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 53 accept
        		ip saddr vmap @senders
        	}
        }
        add element ip t to/u-p0/0 { 10.42.0.5, 10.42.0.6, 10.42.1.7 }
        add element ip t senders { 10.42.0.5 : jump egress/10.42.0.5 }
        add element ip t receivers { 10.42.0.5 : jump ingress/10.42.0.5 }
    "#]]
    .assert_eq(&planned(&world(&[about("web", deny)])).full());
}

#[test]
fn without_policies_of_its_pods_a_node_has_no_table() {
    let other = about("far", json!({"policyTypes": ["Ingress"]}));
    assert!(planned(&world(&[])).is_empty() && planned(&world(std::slice::from_ref(&other))).is_empty());
    assert_eq!(planned(&world(&[other])).full(), "table ip t\ndelete table ip t\n");
}

#[test]
fn peers_are_pods_namespaces_both_and_blocks() {
    let from = json!([
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "lab"}}},
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.1.2.0/24"]}},
        {"ipBlock": {"cidr": "fd00::/8"}},
    ]);
    check(
        &[about("web", json!({"policyTypes": ["Ingress"], "ingress": [{"from": from}]}))],
        expect![[r#"
        chain ingress/10.42.0.5 {
        ip saddr 10.42.0.5 return
        ip saddr @from/u-p0/0 return
        ip saddr 10.0.0.0/8 ip saddr != 10.1.0.0/16 ip saddr != 10.1.2.0/24 return
        drop
        add element ip t from/u-p0/0 { 10.42.0.6, 10.42.1.7, 10.42.1.8 }
        add element ip t receivers { 10.42.0.5 : jump ingress/10.42.0.5 }
    "#]],
    );
    let both = json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "probe"}}}]);
    check(
        &[about("web", json!({"policyTypes": ["Egress"], "egress": [{"to": both}]}))],
        expect![[r#"
        chain egress/10.42.0.5 {
        ip daddr 10.42.0.5 return
        ip daddr @to/u-p0/0 return
        drop
        add element ip t to/u-p0/0 { 10.42.1.8 }
        add element ip t senders { 10.42.0.5 : jump egress/10.42.0.5 }
    "#]],
    );
}

#[test]
fn ports_are_numbers_ranges_names_and_whole_protocols() {
    let ports = json!([
        {"port": 80, "protocol": "TCP"}, {"port": 6000, "endPort": 6100, "protocol": "UDP"}, {"protocol": "SCTP"},
        {"port": "http", "protocol": "TCP"}, {"port": "http", "protocol": "UDP"},
    ]);
    check(
        &[about(
            "web",
            json!({"policyTypes": ["Ingress"], "ingress": [{"ports": ports, "from": [
            {"podSelector": {}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}),
        )],
        expect![[r#"
            chain ingress/10.42.0.5 {
            ip saddr 10.42.0.5 return
            ip saddr @from/u-p0/0 tcp dport 80 return
            ip saddr 0.0.0.0/0 tcp dport 80 return
            ip saddr @from/u-p0/0 udp dport 6000-6100 return
            ip saddr 0.0.0.0/0 udp dport 6000-6100 return
            ip saddr @from/u-p0/0 meta l4proto sctp return
            ip saddr 0.0.0.0/0 meta l4proto sctp return
            ip saddr @from/u-p0/0 tcp dport 8080 return
            ip saddr 0.0.0.0/0 tcp dport 8080 return
            drop
            add element ip t from/u-p0/0 { 10.42.0.5, 10.42.0.6, 10.42.1.7 }
            add element ip t receivers { 10.42.0.5 : jump ingress/10.42.0.5 }
        "#]],
    );
    check(
        &[about("web", json!({"policyTypes": ["Egress"], "egress": [{"ports": ports}]}))],
        expect![[r#"
        chain egress/10.42.0.5 {
        ip daddr 10.42.0.5 return
        tcp dport 80 return
        udp dport 6000-6100 return
        meta l4proto sctp return
        ip daddr . meta l4proto . th dport @to/u-p0/0/3 return
        ip daddr . meta l4proto . th dport @to/u-p0/0/4 return
        drop
        add element ip t to/u-p0/0/3 { 10.42.0.5 . tcp . 8080, 10.42.0.6 . tcp . 5432, 10.42.1.7 . tcp . 8081, 10.42.1.8 . tcp . 8082 }
        add element ip t senders { 10.42.0.5 : jump egress/10.42.0.5 }
    "#]],
    );
    let to = json!([{"podSelector": {"matchLabels": {"app": "db"}}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]);
    check(
        &[about("web", json!({"policyTypes": ["Egress"], "egress": [{"to": to, "ports": [{"port": "http"}]}]}))],
        expect![[r#"
            chain egress/10.42.0.5 {
            ip daddr 10.42.0.5 return
            ip daddr . meta l4proto . th dport @to/u-p0/0/0 return
            drop
            add element ip t to/u-p0/0/0 { 10.42.0.6 . tcp . 5432 }
            add element ip t senders { 10.42.0.5 : jump egress/10.42.0.5 }
        "#]],
    );
}

#[test]
fn what_any_policy_allows_is_allowed_and_an_empty_rule_allows_all() {
    let all = json!({"policyTypes": ["Ingress"], "ingress": [{}]});
    let none = json!({"policyTypes": ["Ingress"]});
    let lists = json!({"policyTypes": ["Ingress"], "ingress": [{"from": [], "ports": []}]});
    check(
        &[about("web", none.clone()), about("web", all), about("db", lists), none],
        expect![[r#"
        chain ingress/10.42.0.5 {
        ip saddr 10.42.0.5 return
        return
        drop
        chain ingress/10.42.0.6 {
        ip saddr 10.42.0.6 return
        return
        drop
        add element ip t receivers { 10.42.0.5 : jump ingress/10.42.0.5, 10.42.0.6 : jump ingress/10.42.0.6 }
    "#]],
    );
}

#[test]
fn pods_that_come_elsewhere_change_elements_and_other_policies_the_table() {
    let from = json!({"policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]});
    let mut changed = world(&[about("web", from)]);
    let before = planned(&changed);
    assert_eq!(before.changes(&before), "");
    changed.remove_pod(&pod("shop", "far", "", 1));
    changed.put_pod(&pod("shop", "new", "10.42.1.10", 1));
    let after = planned(&changed);
    expect![[r#"
        delete element ip t from/u-p0/0 { 10.42.1.7 }
        add element ip t from/u-p0/0 { 10.42.1.10 }
    "#]]
    .assert_eq(&after.changes(&before));
    changed.put_policy(&object("shop", "more", json!({}), json!({"spec": {"policyTypes": ["Egress"]}})));
    let more = planned(&changed);
    assert_eq!(more.changes(&after), more.full());
    changed.remove_policy(&object("shop", "more", json!({}), json!({})));
    changed.remove_policy(&object("shop", "p0", json!({}), json!({})));
    assert!(planned(&changed).is_empty());
}

#[test]
fn a_pod_is_known_by_its_uid_and_a_static_one_by_its_name() {
    let mut world = world(&[]);
    let key = |uid: &str| PodKey { namespace: "shop".into(), name: "web".into(), uid: uid.into() };
    assert!(world.has_pod(&key("u-web")) && !world.has_pod(&key("u-new")));
    let mut mirror = pod("shop", "web", "", 1).to_value();
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "hash"});
    world.put_pod(&Object::from_value(&mirror).unwrap());
    assert!(world.has_pod(&key("u-new")));
}
