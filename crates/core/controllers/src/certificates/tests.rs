//! Requests of nodes and others, as the rules see them.

use super::*;
use crate::Controller;
use crate::world::World;
use apimachinery::Value;
use kinds::certificates::request::Request;
use kinds::resources::{CERTIFICATE_SIGNING_REQUESTS, NODES, SERVICES};
use serde_json::json;
use stdx::Timestamp;

/// 2026-01-01T00:00:00Z
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn csr(signer: &str, user: &str, usages: &[&str]) -> Value {
    let groups = ["system:nodes", "system:authenticated"];
    json!({"spec": {"signerName": format!("kubernetes.io/{signer}"), "username": user, "groups": groups, "usages": usages}})
}

fn node_request() -> Request {
    Request {
        common_name: "system:node:n1".to_owned(),
        organizations: vec!["system:nodes".to_owned()],
        ..Request::default()
    }
}

fn serving(names: &[&str]) -> Request {
    let (addresses, dns_names) =
        names.iter().partition::<Vec<&str>, _>(|name| name.parse::<std::net::IpAddr>().is_ok());
    Request {
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        dns_names: dns_names.into_iter().map(str::to_owned).collect(),
        ..node_request()
    }
}

#[test]
fn signers_sign_what_they_are_for() {
    let usages = ["client auth", "digital signature"];
    let of = |signer, usages: &[&str], request: &Request| profile(&csr(signer, "x", usages), request).unwrap();
    let why = |signer, usages: &[&str], request: &Request| of(signer, usages, request).unwrap_err();
    let client = "kube-apiserver-client-kubelet";
    assert_eq!(of(client, &usages, &node_request()), Ok(Profile { client: true, server: false }));
    assert_eq!(
        why(client, &["client auth"], &node_request()),
        "usages did not match [client auth digital signature key encipherment]"
    );
    assert_eq!(why(client, &usages, &serving(&["192.0.2.1"])), "IP subjectAltNames are not allowed");
    let person = Request { common_name: "jane".to_owned(), ..node_request() };
    assert_eq!(why(client, &usages, &person), "subject common name does not begin with system:node:");
    let person = Request { organizations: vec!["system:masters".to_owned()], ..node_request() };
    assert_eq!(why(client, &usages, &person), "subject organization is not system:nodes");

    let (serves, usages) = ("kubelet-serving", ["server auth", "digital signature", "key encipherment"]);
    assert_eq!(of(serves, &usages, &serving(&["n1"])), Ok(Profile { client: false, server: true }));
    assert_eq!(why(serves, &usages, &node_request()), "DNS or IP subjectAltName is required");
    assert_eq!(
        why("kube-apiserver-client", &["server auth"], &person),
        "invalid usage for client certificate: server auth"
    );
    assert_eq!(profile(&json!({"spec": {"signerName": "example.com/own"}}), &person), None);
}

#[test]
fn lifetimes_have_bounds() {
    let of = |seconds: Value| lifetime(&json!({"spec": {"expirationSeconds": seconds}})).as_secs();
    assert_eq!((of(Value::Null), of(3600.into()), of(i32::MAX.into())), (31_536_000, 3600, 31_536_000));
}

#[test]
fn a_joining_machine_needs_the_right_and_a_node_its_own_name() {
    let world = World::default();
    let usages = ["client auth", "digital signature"];
    let ask = |user| approval(&csr("kube-apiserver-client-kubelet", user, &usages), &node_request(), &world);
    let subresources = |approval| match approval {
        Approval::IfAllowed(list) => list.iter().map(|(subresource, _)| *subresource).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(subresources(ask("system:bootstrap:abcdef")), ["nodeclient"]);
    assert_eq!(subresources(ask("system:node:n1")), ["selfnodeclient", "nodeclient"]);
    let usages = ["client auth"];
    assert_eq!(approval(&csr("kube-apiserver-client", "jane", &usages), &node_request(), &world), Approval::NotOurs);
}

#[test]
fn a_node_serves_under_its_own_names_only() {
    let world = World::default();
    let ask = |user, names: &[&str]| {
        approval(&csr("kubelet-serving", user, &["server auth", "digital signature"]), &serving(names), &world)
    };
    let node = |name: &str, addresses: &[&str]| {
        let addresses: Vec<Value> = addresses.iter().map(|one| json!({"type": "X", "address": one})).collect();
        world.put(&NODES, json!({"metadata": {"name": name}, "status": {"addresses": addresses}}));
    };
    let me = "system:node:n1";
    assert!(matches!(ask(me, &["n1"]), Approval::NotYet(_)), "not registered yet");
    node("n1", &["192.0.2.1", "192.0.2.9", "10.96.0.1", "n1.example", "kubernetes.default.svc"]);
    node("n2", &["192.0.2.9"]);
    world.put(&SERVICES, json!({"metadata": {"name": "kubernetes"}, "spec": {"clusterIP": "10.96.0.1"}}));
    assert!(matches!(ask(me, &["n1", "n1.example", "192.0.2.1"]), Approval::Granted(_)));
    for wrong in ["n2", "kubernetes.default.svc", "192.0.2.9", "192.0.2.2", "10.96.0.1"] {
        assert!(matches!(ask(me, &["n1", wrong]), Approval::NotYet(_)), "{wrong}");
    }
    assert_eq!(ask("system:node:n2", &["n1"]), Approval::NotOurs, "another node does not ask for it");
    assert_eq!(ask("system:bootstrap:abcdef", &["n1"]), Approval::NotOurs);
}

#[test]
fn requests_are_cleaned_away_in_time() {
    let at = "2025-12-31T22:30:00Z";
    let cases = [
        (json!({"conditions": [{"type": "Denied", "lastUpdateTime": at}]}), at, true),
        (json!({"conditions": [{"type": "Approved", "lastUpdateTime": at}], "certificate": "AAAA"}), at, true),
        (json!({"conditions": [{"type": "Approved", "lastUpdateTime": at}]}), at, false),
        (json!({}), at, false),
        (json!({}), "2025-12-30T23:00:00Z", true),
    ];
    for (status, made, goes) in cases {
        let world = World::default();
        let meta = json!({"name": "a", "creationTimestamp": made});
        world.put(&CERTIFICATE_SIGNING_REQUESTS, json!({"metadata": meta, "status": status}));
        let plan = Cleaner.reconcile("a", &world, NOW);
        assert_eq!((plan.actions.len() == 1, plan.again.is_some()), (goes, !goes), "{status} {made}");
    }
}
