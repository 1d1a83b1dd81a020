//! The scheduler's picture of the cluster: nodes and the pods on them, kept up to date one object at a time.

use crate::pod::PodFacts;
use apimachinery::{Object, Quantity, Value};
use kinds::quantities::{self, Resources};
use kinds::read::{flag, list, text};
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, Default)]
pub struct Cluster {
    nodes: BTreeMap<String, Node>,
    /// Node of every placed pod, by uid.
    placed: HashMap<String, String>,
    /// Pods that wait for room being made on a node, by uid.
    nominated: BTreeMap<String, PodFacts>,
    /// Labels of namespaces, for affinity's namespaceSelector.
    namespaces: HashMap<String, BTreeMap<String, String>>,
    claims: HashMap<String, Claim>,
    volumes: HashMap<String, Value>,
    /// Classes whose volumes wait for the pod's node.
    waiting_classes: HashMap<String, bool>,
}

#[derive(Debug, Clone, Default)]
pub struct Node {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub unschedulable: bool,
    pub allocatable: Resources,
    /// Sum of the requests of the pods here.
    pub requested: Resources,
    /// By uid.
    pub pods: BTreeMap<String, PodFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: String,
}

#[derive(Debug, Clone, Default)]
pub struct Claim {
    pub volume: String,
    pub class: String,
    pub is_deleting: bool,
}

impl Cluster {
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| !node.name.is_empty())
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    pub fn put_node(&mut self, object: &Object) {
        let value = object.to_value();
        let node = self.nodes.entry(object.head.name.clone()).or_default();
        node.name = object.head.name.clone();
        node.labels = object.head.labels.clone();
        node.unschedulable = flag(&value["spec"], "unschedulable");
        node.taints = list(&value["spec"], "taints").iter().map(taint).collect();
        node.allocatable = quantities::read(&value["status"]["allocatable"]);
    }

    /// Its pods stay known until they go themselves.
    pub fn remove_node(&mut self, name: &str) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.name.clear();
        }
    }

    /// Takes a pod in where it is (or is about to be) placed, or waits to be; a finished one frees its place.
    pub fn put_pod(&mut self, pod: PodFacts) {
        self.remove_pod(&pod.uid);
        if pod.is_finished {
            return;
        }
        if pod.node.is_empty() {
            if !pod.nominated.is_empty() && !pod.is_deleting {
                self.nominated.insert(pod.uid.clone(), pod);
            }
            return;
        }
        self.placed.insert(pod.uid.clone(), pod.node.clone());
        let node = self.nodes.entry(pod.node.clone()).or_default();
        quantities::add(&mut node.requested, &pod.requests);
        node.pods.insert(pod.uid.clone(), pod);
    }

    pub fn remove_pod(&mut self, uid: &str) {
        self.nominated.remove(uid);
        let Some(node) = self.placed.remove(uid).and_then(|name| self.nodes.get_mut(&name)) else { return };
        if let Some(pod) = node.pods.remove(uid) {
            for (name, amount) in &pod.requests {
                if let Some(sum) = node.requested.get_mut(name) {
                    *sum -= *amount;
                }
            }
        }
    }

    /// Pods that wait for room on this node, other than `pod`, and are at least as important as it.
    pub fn nominated_before(&self, pod: &PodFacts, node: &str) -> impl Iterator<Item = &PodFacts> {
        let others = self.nominated.values().filter(move |other| other.nominated == node && other.uid != pod.uid);
        others.filter(move |other| other.priority >= pod.priority)
    }

    /// Pods that wait for room on this node and are less important.
    pub fn nominated_after(&self, pod: &PodFacts, node: &str) -> impl Iterator<Item = &PodFacts> {
        self.nominated.values().filter(move |other| other.nominated == node && other.priority < pod.priority)
    }

    pub fn put_namespace(&mut self, object: &Object) {
        self.namespaces.insert(object.head.name.clone(), object.head.labels.clone());
    }

    pub fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    pub fn namespace_labels(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.namespaces.get(name)
    }

    pub fn put_claim(&mut self, object: &Object) {
        let spec = &object.to_value()["spec"];
        let claim = Claim {
            volume: text(spec, "volumeName").to_owned(),
            class: text(spec, "storageClassName").to_owned(),
            is_deleting: object.head.is_deleting(),
        };
        self.claims.insert(object.key(), claim);
    }

    pub fn remove_claim(&mut self, key: &str) {
        self.claims.remove(key);
    }

    pub fn claim(&self, key: &str) -> Option<&Claim> {
        self.claims.get(key)
    }

    /// Keeps a volume's node affinity (`spec.nodeAffinity.required`).
    pub fn put_volume(&mut self, object: &Object) {
        let affinity = object.to_value()["spec"]["nodeAffinity"]["required"].take();
        self.volumes.insert(object.head.name.clone(), affinity);
    }

    pub fn remove_volume(&mut self, name: &str) {
        self.volumes.remove(name);
    }

    pub fn volume_affinity(&self, name: &str) -> Option<&Value> {
        self.volumes.get(name)
    }

    pub fn put_class(&mut self, object: &Object) {
        let waits = text(&object.to_value(), "volumeBindingMode") == "WaitForFirstConsumer";
        self.waiting_classes.insert(object.head.name.clone(), waits);
    }

    pub fn remove_class(&mut self, name: &str) {
        self.waiting_classes.remove(name);
    }

    pub fn class_waits(&self, name: &str) -> bool {
        self.waiting_classes.get(name).copied().unwrap_or(false)
    }

    /// All placed pods with their nodes.
    pub fn pods(&self) -> impl Iterator<Item = (&Node, &PodFacts)> {
        self.nodes().flat_map(|node| node.pods.values().map(move |pod| (node, pod)))
    }
}

impl Node {
    pub fn free(&self, resource: &str) -> Quantity {
        let all = self.allocatable.get(resource).copied().unwrap_or(Quantity::ZERO);
        all - self.requested.get(resource).copied().unwrap_or(Quantity::ZERO)
    }
}

fn taint(taint: &Value) -> Taint {
    let text = |field: &str| taint[field].as_str().unwrap_or_default().to_owned();
    Taint { key: text("key"), value: text("value"), effect: text("effect") }
}
