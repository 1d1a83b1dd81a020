//! Golden decisions about two nodes and their pods.

use super::*;
use crate::auth::rbac::{Attributes, Target};
use apimachinery::{Object, Value};
use expect_test::{Expect, expect};
use serde_json::json;

fn pod(name: &str, node: &str, spec: Value) -> Object {
    let mut pod = json!({"metadata": {"name": name, "namespace": "d"}, "spec": spec});
    pod["spec"]["nodeName"] = node.into();
    Object::from_value(&pod).unwrap()
}

fn volumes(name: &str, source: Value) -> Value {
    let mut volume = source;
    volume["name"] = name.into();
    json!({"volumes": [volume]})
}

/// Every way in which a pod refers to something; all pods are of node `a`.
fn graph() -> Graph {
    let graph = Graph::default();
    let put = |name: &str, spec: Value| graph.take_pod("d", name, Some(&pod(name, "a", spec)));
    let container = |list: &str, what: Value| json!({list: [what]});
    put("account", json!({"serviceAccountName": "robot", "imagePullSecrets": [{"name": "s-pull"}]}));
    put(
        "env",
        container(
            "containers",
            json!({"env": [
                {"valueFrom": {"secretKeyRef": {"name": "s-env"}}}, {"valueFrom": {"configMapKeyRef": {"name": "c-env"}}},
            ]}),
        ),
    );
    put(
        "from",
        container(
            "initContainers",
            json!({"envFrom": [
                {"secretRef": {"name": "s-from"}}, {"configMapRef": {"name": "c-from"}},
            ]}),
        ),
    );
    put("late", container("ephemeralContainers", json!({"envFrom": [{"secretRef": {"name": "s-late"}}]})));
    put(
        "files",
        volumes(
            "v",
            json!({"projected": {"sources": [
                {"secret": {"name": "s-part"}}, {"configMap": {"name": "c-part"}},
            ]}}),
        ),
    );
    put("secret", volumes("v", json!({"secret": {"secretName": "s-volume"}})));
    put("map", volumes("v", json!({"configMap": {"name": "c-volume"}})));
    put("flex", volumes("v", json!({"flexVolume": {"secretRef": {"name": "s-flex"}}})));
    put("claim", volumes("v", json!({"persistentVolumeClaim": {"claimName": "data"}})));
    put("scratch", volumes("tmp", json!({"ephemeral": {"volumeClaimTemplate": {}}})));
    let volume = json!({"metadata": {"name": "pv"}, "spec": {
        "claimRef": {"namespace": "d", "name": "data"}, "flexVolume": {"secretRef": {"name": "s-pv", "namespace": "e"}},
    }});
    graph.take_volume("pv", Some(&Object::from_value(&volume).unwrap()));
    graph
}

fn says(graph: &Graph, node: &str, line: &str) -> String {
    let (verb, text) = line.split_once(' ').unwrap();
    let (text, namespace) = text.split_once('@').unwrap_or((text, ""));
    let (text, name) = text.split_once(':').unwrap_or((text, ""));
    let (text, subresource) = text.split_once('/').unwrap_or((text, ""));
    let (resource, group) = text.split_once('.').unwrap_or((text, ""));
    let user = UserInfo::authenticated(format!("system:node:{node}"), vec![NODES.to_owned()]);
    let target = Target::Resource { group, resource, subresource, namespace, name };
    match opinion(graph, &Attributes { user: &user, verb, target }) {
        None => "not a node".to_owned(),
        Some(Ok(())) => "yes".to_owned(),
        Some(Err(why)) => why,
    }
}

#[track_caller]
fn decides(node: &str, lines: &[&str], expected: Expect) {
    let graph = graph();
    let said: Vec<String> = lines.iter().map(|line| format!("{line}: {}", says(&graph, node, line))).collect();
    expected.assert_eq(&said.join("\n"));
}

const REFERRED: [&str; 15] = [
    "create serviceaccounts/token:robot@d",
    "get secrets:s-pull@d",
    "get secrets:s-env@d",
    "get configmaps:c-env@d",
    "list secrets:s-from@d",
    "watch configmaps:c-from@d",
    "get secrets:s-late@d",
    "get secrets:s-part@d",
    "get configmaps:c-part@d",
    "get secrets:s-volume@d",
    "get configmaps:c-volume@d",
    "get secrets:s-flex@d",
    "get persistentvolumeclaims:data@d",
    "get persistentvolumeclaims:scratch-tmp@d",
    "get persistentvolumes:pv",
];

#[test]
fn what_pods_refer_to_is_for_their_node_only() {
    let graph = graph();
    for line in REFERRED.iter().chain(&["get secrets:s-pv@e", "get pods:env@d"]) {
        assert_eq!(says(&graph, "a", line), "yes", "{line}");
        assert_eq!(says(&graph, "b", line), "no relationship found between node 'b' and this object", "{line}");
    }
}

#[test]
fn nothing_is_left_when_pods_are_gone() {
    let graph = graph();
    for name in ["account", "env", "from", "late", "files", "secret", "map", "flex", "claim", "scratch"] {
        graph.take_pod("d", name, None);
    }
    for line in REFERRED.iter().chain(&["get secrets:s-pv@e", "get pods:env@d"]) {
        assert_eq!(says(&graph, "a", line), "no relationship found between node 'a' and this object", "{line}");
    }
}

#[test]
fn two_pods_hold_what_they_share() {
    let graph = graph();
    graph.take_pod(
        "d",
        "second",
        Some(&pod("second", "a", volumes("v", json!({"secret": {"secretName": "s-volume"}})))),
    );
    graph.take_pod("d", "secret", None);
    assert_eq!(says(&graph, "a", "get secrets:s-volume@d"), "yes");
    // Made again under the same name, elsewhere.
    graph.take_pod(
        "d",
        "second",
        Some(&pod("second", "b", volumes("v", json!({"secret": {"secretName": "s-volume"}})))),
    );
    assert_ne!(says(&graph, "a", "get secrets:s-volume@d"), "yes");
    assert_eq!(says(&graph, "b", "get secrets:s-volume@d"), "yes");
}

#[test]
fn a_mirror_pod_opens_nothing() {
    let graph = Graph::default();
    let mut mirror = pod("m", "a", volumes("v", json!({"secret": {"secretName": "s"}}))).to_value();
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    graph.take_pod("d", "m", Some(&Object::from_value(&mirror).unwrap()));
    assert_ne!(says(&graph, "a", "get secrets:s@d"), "yes");
    assert_eq!(says(&graph, "a", "get pods:m@d"), "yes");
}

#[test]
fn the_rest_in_upstreams_words() {
    decides(
        "a",
        &[
            "list secrets@d",
            "list secrets",
            "get secrets:s-env@other",
            "update secrets:s-env@d",
            "list persistentvolumes",
            "create serviceaccounts@d",
            "create serviceaccounts/token:default@d",
            "get nodes:a",
            "get nodes:b",
            "delete nodes:a",
            "update nodes/status:a",
            "list pods",
            "deletecollection pods@d",
            "create pods/eviction:x@d",
            "get leases.coordination.k8s.io:a@kube-node-lease",
            "get leases.coordination.k8s.io:b@kube-node-lease",
            "update leases.coordination.k8s.io:a@kube-system",
            "get csinodes.storage.k8s.io:b",
            "create certificatesigningrequests.certificates.k8s.io",
            "list services",
            "delete services:x@d",
        ],
        expect![[r#"
            list secrets@d: No Object name found
            list secrets: can only read namespaced object of this type
            get secrets:s-env@other: no relationship found between node 'a' and this object
            update secrets:s-env@d: can only read resources of this type
            list persistentvolumes: can only get individual resources of this type
            create serviceaccounts@d: can only create tokens for individual service accounts
            create serviceaccounts/token:default@d: no relationship found between node 'a' and this object
            get nodes:a: yes
            get nodes:b: node 'a' cannot read 'b', only its own Node object
            delete nodes:a: 
            update nodes/status:a: yes
            list pods: can only list/watch pods with spec.nodeName field selector
            deletecollection pods@d: 
            create pods/eviction:x@d: yes
            get leases.coordination.k8s.io:a@kube-node-lease: yes
            get leases.coordination.k8s.io:b@kube-node-lease: can only access node lease with the same name as the requesting node
            update leases.coordination.k8s.io:a@kube-system: can only access leases in the "kube-node-lease" system namespace
            get csinodes.storage.k8s.io:b: can only access CSINode with the same name as the requesting node
            create certificatesigningrequests.certificates.k8s.io: yes
            list services: yes
            delete services:x@d: "#]],
    );
}

#[test]
fn others_are_no_nodes() {
    let graph = graph();
    let target = Target::Path("/version");
    for (name, group) in [("system:node:a", "people"), ("alice", NODES)] {
        let user = UserInfo::authenticated(name, vec![group.to_owned()]);
        assert!(opinion(&graph, &Attributes { user: &user, verb: "get", target }).is_none());
    }
}
