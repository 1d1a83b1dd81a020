//! What is known of pods, namespaces and policies.

use super::facts::{Peer, Pod, Policy};
use crate::PodKey;
use apimachinery::Object;
use std::collections::BTreeMap;

/// As of the objects put in.
#[derive(Debug, Default)]
pub struct Policies {
    /// By `namespace/name`.
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) pods: BTreeMap<String, Pod>,
    /// Labels by name.
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Policies {
    pub fn put_policy(&mut self, object: &Object) {
        self.policies.insert(object.key(), Policy::from_object(object));
    }

    pub fn put_pod(&mut self, object: &Object) {
        self.pods.insert(object.key(), Pod::from_object(object));
    }

    pub fn put_namespace(&mut self, object: &Object) {
        self.namespaces.insert(object.head.name.clone(), object.head.labels.clone().into_iter().collect());
    }

    pub fn remove_policy(&mut self, object: &Object) {
        self.policies.remove(&object.key());
    }

    pub fn remove_pod(&mut self, object: &Object) {
        self.pods.remove(&object.key());
    }

    pub fn remove_namespace(&mut self, object: &Object) {
        self.namespaces.remove(&object.head.name);
    }

    pub fn clear_policies(&mut self) {
        self.policies.clear();
    }

    pub fn clear_pods(&mut self) {
        self.pods.clear();
    }

    pub fn clear_namespaces(&mut self) {
        self.namespaces.clear();
    }

    /// Whether this very pod is known, not one before it of the same name. A static pod has another uid in the API.
    pub fn has_pod(&self, pod: &PodKey) -> bool {
        self.pods.get(&pod.to_string()).is_some_and(|known| known.uid == pod.uid || known.is_mirror)
    }

    /// The pods that any of the peers selects; `namespace` is the policy's.
    pub(super) fn selected<'a>(&'a self, namespace: &'a str, peers: &'a [Peer]) -> impl Iterator<Item = &'a Pod> {
        self.pods.values().filter(move |pod| peers.iter().any(|peer| self.selects(namespace, peer, pod)))
    }

    fn selects(&self, namespace: &str, peer: &Peer, pod: &Pod) -> bool {
        let Peer::Pods { namespaces, pods } = peer else { return false };
        let in_namespace = match namespaces {
            None => pod.namespace == namespace,
            Some(selector) => self.namespaces.get(&pod.namespace).is_some_and(|labels| selector.matches(labels)),
        };
        in_namespace && pods.matches(&pod.labels)
    }
}
