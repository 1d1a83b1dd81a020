//! The table of resources served now. Custom resources come and go while requests run.
//!
//! Invariants
//! - A request sees one table from its start to its end.
//! - The generation rises with every change, so that documents made from the table know when they are stale.

use crate::resource::Resource;
use apimachinery::GroupVersionResource;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// One state of the table.
#[derive(Default)]
pub struct Table {
    /// By group, then version, then plural.
    groups: BTreeMap<String, BTreeMap<String, BTreeMap<String, Arc<Resource>>>>,
    pub generation: u64,
}

#[derive(Default)]
pub struct Registry {
    current: RwLock<Arc<Table>>,
}

impl Registry {
    /// The built-in kinds.
    pub fn builtin() -> Self {
        let registry = Self::default();
        registry.change(|table| {
            for def in kinds::registry::ALL {
                table.insert(Arc::new(Resource::builtin(def)));
            }
        });
        registry
    }

    pub fn table(&self) -> Arc<Table> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn find(&self, of: &GroupVersionResource) -> Option<Arc<Resource>> {
        self.table().find(&of.group, &of.version, &of.resource)
    }

    /// Replaces the table by an edited copy.
    pub fn change(&self, edit: impl FnOnce(&mut Table)) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Table { groups: current.groups.clone(), generation: current.generation + 1 };
        edit(&mut next);
        *current = Arc::new(next);
    }
}

impl Table {
    pub fn insert(&mut self, resource: Arc<Resource>) {
        let gvr = resource.gvr.clone();
        let versions = self.groups.entry(gvr.group.into_owned()).or_default();
        versions.entry(gvr.version.into_owned()).or_default().insert(gvr.resource.into_owned(), resource);
    }

    /// Removes every version of a resource.
    pub fn remove(&mut self, group: &str, plural: &str) {
        let Some(versions) = self.groups.get_mut(group) else { return };
        for resources in versions.values_mut() {
            resources.remove(plural);
        }
        versions.retain(|_, resources| !resources.is_empty());
        if versions.is_empty() {
            self.groups.remove(group);
        }
    }

    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.groups.get(group)?.get(version)?.get(plural).cloned()
    }

    pub fn has_group_version(&self, group: &str, version: &str) -> bool {
        self.groups.get(group).is_some_and(|versions| versions.contains_key(version))
    }

    /// Groups by name, the core group (empty) first.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// A group's versions, the preferred one first. Upstream: `version.CompareKubeAwareVersionStrings`.
    pub fn versions(&self, group: &str) -> Vec<&str> {
        let mut versions: Vec<&str> =
            self.groups.get(group).into_iter().flat_map(|versions| versions.keys()).map(String::as_str).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        versions
    }

    pub fn resources(&self, group: &str, version: &str) -> impl Iterator<Item = &Arc<Resource>> {
        self.groups.get(group).and_then(|versions| versions.get(version)).into_iter().flat_map(|map| map.values())
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.groups.values().flat_map(|versions| versions.values()).flat_map(|resources| resources.values())
    }
}

/// Orders versions: GA before beta before alpha, higher before lower, other names last.
fn priority(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let (stage, minor) = match &rest[digits..] {
            "" => (3, 0),
            tail => match (tail.strip_prefix("beta"), tail.strip_prefix("alpha")) {
                (Some(minor), _) => (2, minor.parse().ok()?),
                (_, Some(minor)) => (1, minor.parse().ok()?),
                _ => return None,
            },
        };
        Some((stage, major, minor))
    };
    parse().unwrap_or((0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::priority;

    #[test]
    fn stable_versions_come_first() {
        let mut versions = ["v1alpha1", "v1", "v2beta1", "foo", "v2", "v1beta2"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v2", "v1", "v2beta1", "v1beta2", "v1alpha1", "foo"]);
    }
}
