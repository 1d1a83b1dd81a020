//! Plans as text: what a node holds for the others, and what it tells them.

use super::*;
use crate::Cidr;
use apimachinery::{Object, Value};
use expect_test::{Expect, expect};
use serde_json::json;

/// `name range address`, and annotations after the prefix `flannel.alpha.coreos.com/`.
fn node(text: &str, annotations: &[(&str, &str)]) -> Node {
    let words: Vec<&str> = text.split(' ').collect();
    let mut told = serde_json::Map::new();
    for (name, value) in annotations {
        told.insert(format!("flannel.alpha.coreos.com/{name}"), (*value).into());
    }
    let mut object = json!({
        "metadata": {"name": words[0], "uid": "u", "resourceVersion": "1", "annotations": told},
        "status": {"addresses": [{"type": "Hostname", "address": words[0]}, {"type": "InternalIP", "address": "fd00::1"}]},
    });
    if words[1] != "-" {
        object["spec"] = json!({"podCIDR": words[1], "podCIDRs": ["fd00:1::/64", words[1]]});
    }
    if let Some(address) = words.get(2) {
        let addresses = object["status"]["addresses"].as_array_mut().unwrap();
        addresses.push(json!({"type": "InternalIP", "address": address}));
    }
    Node::from_object(&Object::from_value(&object).unwrap())
}

fn me() -> Me {
    let (pod_cidr, cluster_cidr) = ("10.42.0.0/24".parse().unwrap(), "10.42.0.0/16".parse().unwrap());
    Me { name: "a".into(), pod_cidr, cluster_cidr, address: None, backend: Backend::Vxlan }
}

#[track_caller]
fn check(nodes: &[Node], expected: Expect) {
    check_for(nodes, &me(), expected);
}

#[track_caller]
fn check_for(nodes: &[Node], me: &Me, expected: Expect) {
    let overlay = plan(nodes, me);
    let mut text = overlay.entries.to_string();
    for peer in &overlay.peers {
        text += &format!("{peer}\n");
    }
    for (node, why) in &overlay.left_out {
        let mark = if why.is_wrong() { "wrong" } else { "waiting" };
        text += &format!("{mark}: {node}: {why}\n");
    }
    expected.assert_eq(&text);
}

#[test]
fn each_other_node_has_three_entries() {
    let nodes = [
        node("a 10.42.0.0/24 192.0.2.1", &[]),
        node("b 10.42.1.0/24 192.0.2.2", &[]),
        node(
            "flannel 10.42.2.0/24 192.0.2.3",
            &[
                ("public-ip", "198.51.100.3"),
                ("backend-type", "vxlan"),
                ("backend-data", r#"{"VNI":1,"VtepMAC":"d2:6c:7a:00:00:01"}"#),
            ],
        ),
    ];
    check(
        &nodes,
        expect![[r#"
            0a:58:0a:2a:01:00 dst 192.0.2.2
            d2:6c:7a:00:00:01 dst 198.51.100.3
            10.42.1.0 lladdr 0a:58:0a:2a:01:00
            10.42.2.0 lladdr d2:6c:7a:00:00:01
            10.42.1.0/24 via 10.42.1.0 onlink
            10.42.2.0/24 via 10.42.2.0 onlink
        "#]],
    );
}

#[test]
fn nodes_that_cannot_be_reached_are_told_with_the_reason() {
    let nodes = [
        node("b - 192.0.2.2", &[]),
        node("c 10.42.2.0/24", &[]),
        node("d 10.42.3.0/24 192.0.2.4", &[("backend-type", "host-gw")]),
        node("e 10.42.4.0/24 192.0.2.5", &[("backend-data", r#"{"VNI":7,"VtepMAC":"d2:6c:7a:00:00:01"}"#)]),
        node("f 10.42.5.0/24 192.0.2.6", &[("backend-data", r#"{"VNI":1,"VtepMAC":"01:00:5e:00:00:01"}"#)]),
        node("g 10.42.0.0/24 192.0.2.7", &[]),
        node("h 10.42.6.0/24 192.0.2.8", &[]),
        node("i 10.42.6.0/23 192.0.2.9", &[]),
        node("j 10.43.0.0/24 192.0.2.10", &[]),
        node("k 0.0.0.0/0 192.0.2.11", &[]),
    ];
    check(
        &nodes,
        expect![[r#"
            0a:58:0a:2a:06:00 dst 192.0.2.8
            10.42.6.0 lladdr 0a:58:0a:2a:06:00
            10.42.6.0/24 via 10.42.6.0 onlink
            waiting: b: it has no pod range yet
            waiting: c: it tells no address yet
            wrong: d: it speaks host-gw, not vxlan
            wrong: e: its flannel.alpha.coreos.com/backend-data "{\"VNI\":7,\"VtepMAC\":\"d2:6c:7a:00:00:01\"}" is not of network 1
            wrong: f: its flannel.alpha.coreos.com/backend-data "{\"VNI\":1,\"VtepMAC\":\"01:00:5e:00:00:01\"}" is not of network 1
            wrong: g: its pod range 10.42.0.0/24 overlaps that of a
            wrong: i: its pod range 10.42.6.0/23 overlaps that of h
            wrong: j: its pod range 10.43.0.0/24 is not inside 10.42.0.0/16
            wrong: k: its pod range 0.0.0.0/0 is not inside 10.42.0.0/16
        "#]],
    );
}

#[test]
fn the_device_follows_from_the_range_and_its_source_from_the_node() {
    let own = node("a 10.42.0.0/24 192.0.2.1", &[]);
    let device = plan([&own], &me()).device;
    assert_eq!((device.address.to_string(), device.mac.to_string()), ("10.42.0.0".into(), "0a:58:0a:2a:00:00".into()));
    assert_eq!(device.local, "192.0.2.1".parse().ok());
    let fallback = Me { address: "192.0.2.9".parse().ok(), ..me() };
    assert_eq!(plan([&own], &fallback).device.local, "192.0.2.1".parse().ok());
    assert_eq!(plan([], &fallback).device.local, "192.0.2.9".parse().ok());
}

#[test]
fn a_node_tells_what_flannel_tells_and_only_news() {
    let own = node("a 10.42.0.0/24 192.0.2.1", &[("public-ip", "192.0.2.7")]);
    let patch = publish(&own, &me()).unwrap();
    expect![[r#"
        {
          "metadata": {
            "annotations": {
              "flannel.alpha.coreos.com/backend-data": "{\"VNI\":1,\"VtepMAC\":\"0a:58:0a:2a:00:00\"}",
              "flannel.alpha.coreos.com/backend-type": "vxlan",
              "flannel.alpha.coreos.com/kube-subnet-manager": "true",
              "flannel.alpha.coreos.com/public-ip": "192.0.2.1"
            },
            "uid": "u"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&patch).unwrap());
    assert_eq!(publish(&told(&own, &patch), &me()), None);
}

#[test]
fn an_administrators_address_is_told_and_no_address_is_not() {
    let own = node("a 10.42.0.0/24 192.0.2.1", &[("public-ip-overwrite", "198.51.100.1")]);
    let patch = publish(&own, &me()).unwrap();
    assert_eq!(patch["metadata"]["annotations"]["flannel.alpha.coreos.com/public-ip"], "198.51.100.1");
    assert_eq!(publish(&node("a 10.42.0.0/24", &[]), &me()), None);
}

fn told(own: &Node, patch: &Value) -> Node {
    let annotations = patch["metadata"]["annotations"].as_object().unwrap().iter();
    let annotations = annotations.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    Node { annotations, ..own.clone() }
}

#[test]
fn only_differences_are_changed_and_removals_come_first() {
    let all = [node("b 10.42.1.0/24 192.0.2.2", &[]), node("c 10.42.2.0/24 192.0.2.3", &[])];
    let moved = [node("c 10.42.2.0/24 192.0.2.4", &[]), node("d 10.42.3.0/24 192.0.2.5", &[])];
    let (before, after) = (plan(&all, &me()).entries, plan(&moved, &me()).entries);
    let changes: Vec<String> = after.changes_from(&before).iter().map(|change| format!("{change:?}\n")).collect();
    expect![[r#"
        RemoveRoute(Cidr { base: 10.42.1.0, prefix: 24 }, 10.42.1.0)
        RemoveNeighbour(10.42.1.0)
        RemoveForwarding(Mac([10, 88, 10, 42, 1, 0]), 192.0.2.2)
        RemoveForwarding(Mac([10, 88, 10, 42, 2, 0]), 192.0.2.3)
        AddForwarding(Mac([10, 88, 10, 42, 2, 0]), 192.0.2.4)
        AddForwarding(Mac([10, 88, 10, 42, 3, 0]), 192.0.2.5)
        AddNeighbour(10.42.3.0, Mac([10, 88, 10, 42, 3, 0]))
        AddRoute(Cidr { base: 10.42.3.0, prefix: 24 }, 10.42.3.0)
    "#]]
    .assert_eq(&changes.concat());
    assert_eq!(after.changes_from(&after), []);
}

#[test]
fn ranges_overlap_in_either_order() {
    let (wide, narrow): (Cidr, Cidr) = ("10.42.0.0/16".parse().unwrap(), "10.42.7.0/24".parse().unwrap());
    assert!(wide.overlaps(&narrow) && narrow.overlaps(&wide));
    assert!(!narrow.overlaps(&"10.42.8.0/24".parse().unwrap()));
}

fn key(of: u8) -> PublicKey {
    PublicKey([of; 32])
}

fn encrypted() -> Me {
    Me { backend: Backend::WireGuard(key(1)), ..me() }
}

#[test]
fn with_wireguard_each_other_node_is_a_peer_with_its_key() {
    let told = |of: u8| format!(r#"{{"PublicKey":"{}"}}"#, key(of));
    let (second, third) = (told(2), told(3));
    let nodes = [
        node("a 10.42.0.0/24 192.0.2.1", &[]),
        node("b 10.42.1.0/24 192.0.2.2", &[("backend-type", "wireguard"), ("backend-data", &second)]),
        node("c 10.42.2.0/24 192.0.2.3", &[("backend-data", &third), ("public-ip", "198.51.100.3")]),
    ];
    check_for(
        &nodes,
        &encrypted(),
        expect![[r#"
            10.42.0.0/16
            10.42.1.0/24
            10.42.2.0/24
            peer AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= endpoint 192.0.2.2 allowed 10.42.1.0/24
            peer AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM= endpoint 198.51.100.3 allowed 10.42.2.0/24
        "#]],
    );
}

#[test]
fn nodes_without_a_key_of_their_own_are_no_peers() {
    let told = |of: u8| format!(r#"{{"PublicKey":"{}"}}"#, key(of));
    let (zero, own, second) = (told(0), told(1), told(2));
    let nodes = [
        node("b 10.42.1.0/24 192.0.2.2", &[]),
        node("c 10.42.2.0/24 192.0.2.3", &[("backend-type", "vxlan")]),
        node("d 10.42.3.0/24 192.0.2.4", &[("backend-data", r#"{"PublicKey":"short"}"#)]),
        node("e 10.42.4.0/24 192.0.2.5", &[("backend-data", &zero)]),
        node("f 10.42.5.0/24 192.0.2.6", &[("backend-data", &own)]),
        node("g 10.42.6.0/24 192.0.2.7", &[("backend-data", &second)]),
        node("h 10.42.7.0/24 192.0.2.8", &[("backend-data", &second)]),
    ];
    check_for(
        &nodes,
        &encrypted(),
        expect![[r#"
            10.42.0.0/16
            10.42.6.0/24
            peer AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI= endpoint 192.0.2.7 allowed 10.42.6.0/24
            waiting: b: it tells no WireGuard key
            wrong: c: it speaks vxlan, not wireguard
            wrong: d: its flannel.alpha.coreos.com/backend-data "{\"PublicKey\":\"short\"}" has no WireGuard key
            wrong: e: its flannel.alpha.coreos.com/backend-data "{\"PublicKey\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}" has no WireGuard key
            wrong: f: its WireGuard key is another node's too
            wrong: h: its WireGuard key is another node's too
        "#]],
    );
}

#[test]
fn an_encrypted_node_tells_its_key() {
    let own = node("a 10.42.0.0/24 192.0.2.1", &[("backend-type", "vxlan")]);
    let patch = publish(&own, &encrypted()).unwrap();
    let annotation = |name: &str| patch["metadata"]["annotations"][format!("flannel.alpha.coreos.com/{name}")].clone();
    assert_eq!(annotation("backend-type"), "wireguard");
    assert_eq!(annotation("backend-data"), r#"{"PublicKey":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}"#);
    assert_eq!(publish(&told(&own, &patch), &encrypted()), None);
}
