//! What a machine that joins may do before it is a member, and what the certificates of members are granted by.
//!
//! Upstream: `cmd/kubeadm/app/phases/{bootstraptoken,uploadconfig,copycerts,kubelet}`.
//!
//! A token of a further master also has the group [`MASTERS`]: the keys of the cluster, encrypted in
//! `kube-system/kubeadm-certs`, are for that group only, not for every token as with kubeadm.

use super::table::{Binding, Role, named, on};

/// Machines with a token.
const JOINING: &str = "Group:system:bootstrappers:kubeadm:default-node-token";
/// Those that become masters.
const MASTERS: &str = "Group:system:bootstrappers:barque:master";
const NODES: &str = "Group:system:nodes";

const NODE_CLIENT: &str = "system:certificates.k8s.io:certificatesigningrequests:nodeclient";
const SELF_NODE_CLIENT: &str = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient";

pub const ROLES: &[Role] = &[
    Role::cluster("kubeadm:get-nodes", &[on("get", "core", "nodes")]),
    Role::in_namespace(
        "kube-public",
        "kubeadm:bootstrap-signer-clusterinfo",
        &[named("get", "core", "configmaps", "cluster-info")],
    ),
    Role::in_namespace(
        "kube-system",
        "kubeadm:nodes-kubeadm-config",
        &[named("get", "core", "configmaps", "kubeadm-config")],
    ),
    Role::in_namespace(
        "kube-system",
        "kubeadm:kubelet-config",
        &[named("get", "core", "configmaps", "kubelet-config")],
    ),
    Role::in_namespace("kube-system", "barque:nodes-config", &[named("get", "core", "configmaps", "barque-config")]),
    Role::in_namespace("kube-system", "barque:master-join", &[named("get", "core", "secrets", "kubeadm-certs")]),
];

pub const BINDINGS: &[Binding] = &[
    everywhere("kubeadm:get-nodes", "kubeadm:get-nodes", &[JOINING]),
    everywhere("kubeadm:kubelet-bootstrap", "system:node-bootstrapper", &[JOINING]),
    everywhere("kubeadm:node-autoapprove-bootstrap", NODE_CLIENT, &[JOINING]),
    everywhere("kubeadm:node-autoapprove-certificate-rotation", SELF_NODE_CLIENT, &[NODES]),
    within("kube-public", "kubeadm:bootstrap-signer-clusterinfo", &["User:system:anonymous"]),
    within("kube-system", "kubeadm:nodes-kubeadm-config", &[JOINING, NODES]),
    within("kube-system", "kubeadm:kubelet-config", &[JOINING, NODES]),
    within("kube-system", "barque:nodes-config", &[JOINING, NODES]),
    within("kube-system", "barque:master-join", &[MASTERS]),
];

/// A ClusterRoleBinding.
const fn everywhere(name: &'static str, role: &'static str, subjects: &'static [&'static str]) -> Binding {
    Binding { name, namespace: "", role, subjects }
}

/// A RoleBinding of the Role's name.
const fn within(namespace: &'static str, role: &'static str, subjects: &'static [&'static str]) -> Binding {
    Binding { name: role, namespace, role, subjects }
}
