//! What a controller may look at.

use apimachinery::{GroupVersionResource, Object};
use std::sync::Arc;

/// The present state of the resources a controller listed in [`crate::Controller::reads`]. Keys are
/// `namespace/name`, or the name alone for cluster-scoped objects.
pub trait View {
    fn get(&self, of: &GroupVersionResource, key: &str) -> Option<Arc<Object>>;

    /// In key order; an empty namespace means all.
    fn list(&self, of: &GroupVersionResource, namespace: &str) -> Vec<Arc<Object>>;

    /// Objects whose controlling owner has this uid; with an empty uid those that nobody controls.
    fn owned_by(&self, of: &GroupVersionResource, uid: &str) -> Vec<Arc<Object>>;

    /// All changes of the resource up to this revision are shown. Each resource is followed for itself: one may show
    /// what another, older one is the reason for.
    fn revision(&self, _of: &GroupVersionResource) -> u64 {
        u64::MAX
    }
}

/// One object's change, as informers report it. `old` None: created; `new` None: deleted.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub of: &'a GroupVersionResource,
    pub old: Option<&'a Object>,
    pub new: Option<&'a Object>,
}

/// A resource a controller reads.
pub type Wanted = &'static GroupVersionResource;

impl<'a> Change<'a> {
    /// The object as it is, or as it last was.
    pub fn object(&self) -> Option<&'a Object> {
        self.new.or(self.old)
    }
}
