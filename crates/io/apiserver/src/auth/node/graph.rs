//! Which node has which pod, which pod refers to what.
//!
//! Invariants
//! - `users` counts for each object and node the pods of that node that refer to the object; no entry counts zero.
//! - A question costs a few look-ups, however many pods there are; memory grows with the references of bound pods.
//! - Nothing about a pod is believed but what the store holds: a node cannot write a pod that names Secrets.

use super::references;
use apimachinery::{Object, Value};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

const MIRROR: &str = "kubernetes.io/config.mirror";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Claim,
    ConfigMap,
    Pod,
    Secret,
    ServiceAccount,
    Volume,
}

/// An object that pods refer to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vertex {
    kind: Kind,
    namespace: Box<str>,
    name: Box<str>,
}

impl Vertex {
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }
}

/// Cheap to ask from any thread.
#[derive(Debug, Default)]
pub struct Graph(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    /// By namespace and name; bound ones only.
    pods: HashMap<(Box<str>, Box<str>), Pod>,
    users: HashMap<Vertex, HashMap<Arc<str>, u32>>,
    volumes: HashMap<Box<str>, Volume>,
    /// Names of the volumes that are mounted with a Secret.
    with_secret: HashMap<Vertex, BTreeSet<Box<str>>>,
}

#[derive(Debug, PartialEq)]
struct Pod {
    node: Arc<str>,
    uses: Vec<Vertex>,
}

#[derive(Debug)]
struct Volume {
    claim: Vertex,
    secrets: Vec<Vertex>,
}

#[derive(Deserialize)]
struct Specified {
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    spec: Value,
}

impl Graph {
    /// Takes in a pod as it is now; None: it is gone.
    pub fn take_pod(&self, namespace: &str, name: &str, pod: Option<&Object>) {
        let pod = pod.and_then(|object| Pod::read(namespace, name, object));
        self.write(|state| state.put_pod((namespace.into(), name.into()), pod));
    }

    /// The same for a PersistentVolume.
    pub fn take_volume(&self, name: &str, volume: Option<&Object>) {
        let volume = volume.and_then(Volume::read);
        self.write(|state| state.put_volume(name.into(), volume));
    }

    /// Whether a pod of the node leads to the object. `namespace` is empty for volumes.
    pub fn leads(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match kind {
            Kind::Pod => state.pods.get(&(namespace.into(), name.into())).is_some_and(|pod| &*pod.node == node),
            Kind::Volume => state.has_volume(node, name),
            Kind::Secret => {
                let secret = Vertex::new(kind, namespace, name);
                let volumes = state.with_secret.get(&secret).into_iter().flatten();
                state.uses(node, &secret) || volumes.into_iter().any(|volume| state.has_volume(node, volume))
            }
            _ => state.uses(node, &Vertex::new(kind, namespace, name)),
        }
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Pod {
    /// None if it is bound to no node, or cannot be read: such a one leads nowhere.
    fn read(namespace: &str, name: &str, object: &Object) -> Option<Self> {
        let Specified { metadata, spec } = object.decode().ok()?;
        let node = spec["nodeName"].as_str().filter(|node| !node.is_empty())?;
        let is_mirror = !metadata["annotations"][MIRROR].is_null();
        let uses = if is_mirror { Vec::new() } else { references::of_pod(namespace, name, &spec) };
        Some(Self { node: node.into(), uses })
    }
}

impl Volume {
    fn read(object: &Object) -> Option<Self> {
        let spec = object.decode::<Specified>().ok()?.spec;
        let claim = &spec["claimRef"];
        let (namespace, name) = (claim["namespace"].as_str()?, claim["name"].as_str()?);
        Some(Self {
            claim: Vertex::new(Kind::Claim, namespace, name),
            secrets: references::of_volume(namespace, &spec),
        })
    }
}

impl State {
    fn uses(&self, node: &str, vertex: &Vertex) -> bool {
        self.users.get(vertex).is_some_and(|nodes| nodes.contains_key(node))
    }

    fn has_volume(&self, node: &str, name: &str) -> bool {
        self.volumes.get(name).is_some_and(|volume| self.uses(node, &volume.claim))
    }

    fn put_pod(&mut self, key: (Box<str>, Box<str>), pod: Option<Pod>) {
        // Most changes of a pod are of its status.
        if self.pods.get(&key) == pod.as_ref() {
            return;
        }
        if let Some(old) = self.pods.remove(&key) {
            old.uses.iter().for_each(|vertex| self.discount(&old.node, vertex));
        }
        let Some(pod) = pod else { return };
        for vertex in &pod.uses {
            *self.users.entry(vertex.clone()).or_default().entry(Arc::clone(&pod.node)).or_default() += 1;
        }
        self.pods.insert(key, pod);
    }

    fn discount(&mut self, node: &str, vertex: &Vertex) {
        let Some(nodes) = self.users.get_mut(vertex) else { return };
        if let Some(count) = nodes.get_mut(node) {
            *count -= 1;
            if *count == 0 {
                nodes.remove(node);
            }
        }
        if nodes.is_empty() {
            self.users.remove(vertex);
        }
    }

    fn put_volume(&mut self, name: Box<str>, volume: Option<Volume>) {
        for secret in self.volumes.remove(&name).into_iter().flat_map(|old| old.secrets) {
            if let Some(names) = self.with_secret.get_mut(&secret) {
                names.remove(&name);
                if names.is_empty() {
                    self.with_secret.remove(&secret);
                }
            }
        }
        let Some(volume) = volume else { return };
        for secret in &volume.secrets {
            self.with_secret.entry(secret.clone()).or_default().insert(name.clone());
        }
        self.volumes.insert(name, volume);
    }
}
