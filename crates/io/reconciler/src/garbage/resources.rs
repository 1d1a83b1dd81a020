//! Which resources there are, and where an owner reference points.

use apimachinery::{GroupVersionResource, object::Owner};
use client::Discovered;
use std::collections::HashMap;
use std::sync::Arc;

/// Come and go in masses, own nothing and end by themselves.
const IGNORED: &str = "events";

/// The resources followed: one version of each, since all versions show the same objects.
#[derive(Default)]
pub struct Resources {
    /// By group and kind.
    kinds: HashMap<(String, String), Kind>,
}

struct Kind {
    of: Arc<GroupVersionResource>,
    namespaced: bool,
}

/// Where an owner is to be looked for.
pub struct Place {
    pub of: Arc<GroupVersionResource>,
    pub namespace: String,
    pub name: String,
}

impl Place {
    /// As informers name it.
    pub fn key(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

impl Resources {
    pub fn of(discovered: Vec<Discovered>) -> Self {
        let mut kinds = HashMap::new();
        for found in discovered.into_iter().filter(|found| found.resource.resource != IGNORED) {
            let key = (found.resource.group.to_string(), found.kind);
            // The first version is the preferred one.
            kinds.entry(key).or_insert(Kind { of: Arc::new(found.resource), namespaced: found.namespaced });
        }
        Self { kinds }
    }

    pub fn followed(&self) -> impl Iterator<Item = &Arc<GroupVersionResource>> {
        self.kinds.values().map(|kind| &kind.of)
    }

    pub fn follows(&self, of: &GroupVersionResource) -> bool {
        self.kinds.values().any(|kind| *kind.of == *of)
    }

    /// Whether this kind is served at all.
    pub fn knows(&self, owner: &Owner) -> bool {
        self.kind(owner).is_some()
    }

    /// None if the kind is not served, or a cluster-scoped object (empty namespace) names a namespaced owner.
    pub fn resolve(&self, owner: &Owner, namespace: &str) -> Option<Place> {
        let kind = self.kind(owner)?;
        if kind.namespaced && namespace.is_empty() {
            return None;
        }
        let namespace = if kind.namespaced { namespace.to_owned() } else { String::new() };
        Some(Place { of: Arc::clone(&kind.of), namespace, name: owner.name.clone() })
    }

    fn kind(&self, owner: &Owner) -> Option<&Kind> {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        self.kinds.get(&(group.to_owned(), owner.kind.clone()))
    }
}
