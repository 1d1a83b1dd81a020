//! The graph of owners and dependents, fed with every change of every resource.
//!
//! Differs from upstream: an owner that was not seen needs no stand-in node, since the index of dependents goes by uid
//! and every dependent whose owner is not known to be there is looked at once.

use super::{FOREGROUND, ORPHAN};
use apimachinery::{GroupVersionResource, Object};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

pub type Uid = Arc<str>;

/// Owners remembered as gone. Upstream: 500. Forgetting one costs a read.
const ABSENT: usize = 512;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attempt {
    /// Whether this object has to go, or, if it waits for its dependents, may go now.
    Delete(Uid),
    /// The object goes; its dependents stay and forget it.
    Orphan(Uid),
}

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub of: Arc<GroupVersionResource>,
    pub namespace: String,
    pub name: String,
    pub uid: Uid,
}

/// What the graph knows about the object of an [`Attempt`].
#[derive(Debug, Clone)]
pub struct Work {
    pub object: Identity,
    pub dependents: Vec<Identity>,
    /// Those of the dependents that hold up a foreground deletion.
    pub blocking: Vec<Uid>,
    /// A dependent waits for dependents of its own: perhaps for us.
    pub has_waiting_dependent: bool,
}

#[derive(Debug)]
struct Node {
    identity: Identity,
    owners: Vec<Link>,
    is_deleting: bool,
    waits_for_dependents: bool,
    orphans: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    owner: Uid,
    blocks: bool,
}

#[derive(Debug, Default)]
pub struct Graph {
    nodes: HashMap<Uid, Node>,
    /// Uids of dependents by the uid of an owner, which may be unknown.
    dependents: HashMap<Uid, BTreeSet<Uid>>,
    absent: HashSet<(String, Uid)>,
    absent_order: VecDeque<(String, Uid)>,
}

impl Graph {
    /// Takes in an object as it is now. `owners_known`: its owners are all seen to be there, in its namespace.
    pub fn put(&mut self, of: &Arc<GroupVersionResource>, object: &Object, owners_known: bool) -> BTreeSet<Attempt> {
        let mut attempts = BTreeSet::new();
        if object.head.owner_references.is_empty()
            && !object.head.is_deleting()
            && !self.nodes.contains_key(object.head.uid.as_str())
        {
            // Most objects.
            return attempts;
        }
        let node = node(of, object);
        let uid = Arc::clone(&node.identity.uid);
        let old = self.nodes.remove(&uid);
        let (old_links, old_waits, old_orphans) =
            old.map_or((Vec::new(), false, false), |old| (old.owners, old.waits_for_dependents, old.orphans));
        let changed = old_links != node.owners;
        if changed {
            self.unlink(&uid, &old_links);
            for link in &node.owners {
                self.dependents.entry(Arc::clone(&link.owner)).or_default().insert(Arc::clone(&uid));
            }
            self.wake_waiting(old_links.iter().chain(&node.owners), &uid, &mut attempts);
        }
        if !node.owners.is_empty() && changed && !owners_known {
            attempts.insert(Attempt::Delete(Arc::clone(&uid)));
        }
        if node.waits_for_dependents && !old_waits {
            attempts.extend(self.dependents_of(&uid).map(|dependent| Attempt::Delete(Arc::clone(dependent))));
            attempts.insert(Attempt::Delete(Arc::clone(&uid)));
        }
        if node.orphans && !old_orphans {
            attempts.insert(Attempt::Orphan(Arc::clone(&uid)));
        }
        if !node.owners.is_empty() || node.waits_for_dependents || node.orphans {
            self.nodes.insert(uid, node);
        }
        attempts
    }

    /// The object is gone: its dependents have to be looked at, and owners that waited for it.
    pub fn remove(&mut self, namespace: &str, uid: &str) -> BTreeSet<Attempt> {
        if self.dependents.contains_key(uid) {
            self.note_absent(namespace, uid);
        }
        self.forget(uid)
    }

    /// A resource is served no more: its objects are followed no longer. Whether they are gone is not known.
    pub fn remove_resource(&mut self, of: &GroupVersionResource) -> BTreeSet<Attempt> {
        let own = self.nodes.values().filter(|node| *node.identity.of == *of);
        let gone: Vec<Uid> = own.map(|node| Arc::clone(&node.identity.uid)).collect();
        gone.iter().flat_map(|uid| self.forget(uid)).collect()
    }

    /// Changes of a resource were missed; `seen` are the uids that are there now. The others are gone: one that was being
    /// deleted would hold up its owners for ever, since no attempt looks at it again.
    pub fn keep(&mut self, of: &GroupVersionResource, seen: &BTreeSet<&str>) -> BTreeSet<Attempt> {
        let own = self.nodes.values().filter(|node| *node.identity.of == *of && !seen.contains(&*node.identity.uid));
        let gone: Vec<Identity> = own.map(|node| node.identity.clone()).collect();
        gone.iter().flat_map(|gone| self.remove(&gone.namespace, &gone.uid)).collect()
    }

    /// Everything, for when changes were missed.
    pub fn all(&self) -> BTreeSet<Attempt> {
        self.nodes.keys().cloned().map(Attempt::Delete).collect()
    }

    fn forget(&mut self, uid: &str) -> BTreeSet<Attempt> {
        let mut attempts = BTreeSet::new();
        if let Some(node) = self.nodes.remove(uid) {
            self.unlink(&node.identity.uid, &node.owners);
            self.wake_waiting(node.owners.iter(), &node.identity.uid, &mut attempts);
            attempts.remove(&Attempt::Delete(Arc::clone(&node.identity.uid)));
        }
        attempts.extend(self.dependents_of(uid).cloned().map(Attempt::Delete));
        attempts
    }

    /// What to know for an attempt; None if there is nothing to do any more.
    pub fn work(&self, attempt: &Attempt) -> Option<Work> {
        let (Attempt::Delete(uid) | Attempt::Orphan(uid)) = attempt;
        let node = self.nodes.get(uid)?;
        if matches!(attempt, Attempt::Delete(_)) && node.is_deleting && !node.waits_for_dependents {
            return None;
        }
        let dependents: Vec<&Node> = self.dependents_of(uid).filter_map(|uid| self.nodes.get(uid)).collect();
        let blocks = |node: &&&Node| node.owners.iter().any(|link| link.owner == *uid && link.blocks);
        Some(Work {
            object: node.identity.clone(),
            blocking: dependents.iter().filter(blocks).map(|node| Arc::clone(&node.identity.uid)).collect(),
            has_waiting_dependent: dependents.iter().any(|node| node.waits_for_dependents),
            dependents: dependents.into_iter().map(|node| node.identity.clone()).collect(),
        })
    }

    /// An owner was looked for in a namespace and is not there. A uid never comes back.
    pub fn note_absent(&mut self, namespace: &str, uid: &str) {
        let entry = (namespace.to_owned(), Uid::from(uid));
        if self.absent.insert(entry.clone()) {
            self.absent_order.push_back(entry);
        }
        if self.absent_order.len() > ABSENT
            && let Some(oldest) = self.absent_order.pop_front()
        {
            self.absent.remove(&oldest);
        }
    }

    pub fn is_absent(&self, namespace: &str, uid: &str) -> bool {
        self.absent.contains(&(namespace.to_owned(), Uid::from(uid)))
    }

    /// Owners of this object that are known to be gone.
    pub fn absent_owners(&self, uid: &str) -> Vec<Uid> {
        let Some(node) = self.nodes.get(uid) else { return Vec::new() };
        let owners = node.owners.iter().map(|link| &link.owner);
        owners.filter(|owner| self.is_absent(&node.identity.namespace, owner)).cloned().collect()
    }

    /// Objects kept: those with owners and those that wait.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn dependents_of(&self, uid: &str) -> impl Iterator<Item = &Uid> {
        self.dependents.get(uid).into_iter().flatten()
    }

    fn unlink(&mut self, uid: &Uid, links: &[Link]) {
        for link in links {
            if let Some(dependents) = self.dependents.get_mut(&link.owner) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&link.owner);
                }
            }
        }
    }

    /// Owners that wait for dependents, and the dependent itself: one side of the link changed.
    fn wake_waiting<'a>(
        &self,
        links: impl Iterator<Item = &'a Link>,
        dependent: &Uid,
        attempts: &mut BTreeSet<Attempt>,
    ) {
        let waits = |link: &&Link| self.nodes.get(&link.owner).is_some_and(|owner| owner.waits_for_dependents);
        for link in links.filter(waits) {
            attempts.insert(Attempt::Delete(Arc::clone(&link.owner)));
            attempts.insert(Attempt::Delete(Arc::clone(dependent)));
        }
    }
}

/// The object that is no more after a change of its name: of one deleted and made again quickly only the new one may be
/// told, and the dependents of the old one are to be looked at all the same.
pub fn gone<'a>(old: Option<&'a Object>, new: Option<&Object>) -> Option<&'a Object> {
    old.filter(|old| new.is_none_or(|new| new.head.uid != old.head.uid))
}

fn node(of: &Arc<GroupVersionResource>, object: &Object) -> Node {
    let head = &object.head;
    let is_deleting = head.is_deleting();
    let has = |finalizer: &str| head.finalizers.iter().any(|own| own == finalizer);
    Node {
        identity: Identity {
            of: Arc::clone(of),
            namespace: head.namespace.clone(),
            name: head.name.clone(),
            uid: Uid::from(head.uid.as_str()),
        },
        owners: head
            .owner_references
            .iter()
            .map(|owner| Link { owner: Uid::from(owner.uid.as_str()), blocks: owner.block_owner_deletion })
            .collect(),
        is_deleting,
        waits_for_dependents: is_deleting && has(FOREGROUND),
        orphans: is_deleting && has(ORPHAN),
    }
}

#[cfg(test)]
mod tests;
