//! The informers all controllers share: one list and one watch for each resource.

use apimachinery::{GroupVersionResource, Object};
use client::{Api, Informer, ListOptions, Scope};
use controllers::View;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Starts an informer when a resource is first asked for. Clone it freely.
#[derive(Clone)]
pub struct Informers {
    api: Arc<dyn Api>,
    stop: CancellationToken,
    started: Arc<Mutex<HashMap<GroupVersionResource, (Informer, CancellationToken)>>>,
}

impl Informers {
    pub fn new(api: Arc<dyn Api>, stop: CancellationToken) -> Self {
        Self { api, stop, started: Arc::default() }
    }

    pub fn of(&self, resource: &GroupVersionResource) -> Informer {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let stop = self.stop.child_token();
            let informer =
                Informer::start(Arc::clone(&self.api), resource.clone(), ListOptions::default(), stop.clone());
            (informer, stop)
        };
        started.entry(resource.clone()).or_insert_with(start).0.clone()
    }

    /// Stops following a resource that is served no more.
    pub fn forget(&self, resource: &GroupVersionResource) {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, stop)) = started.remove(resource) {
            stop.cancel();
        }
    }
}

impl View for Informers {
    fn get(&self, of: &GroupVersionResource, key: &str) -> Option<Arc<Object>> {
        self.of(of).get(key)
    }

    fn list(&self, of: &GroupVersionResource, namespace: &str) -> Vec<Arc<Object>> {
        self.of(of).list(if namespace.is_empty() { Scope::All } else { Scope::Namespace(namespace) })
    }

    fn owned_by(&self, of: &GroupVersionResource, uid: &str) -> Vec<Arc<Object>> {
        self.of(of).owned_by(uid)
    }

    fn revision(&self, of: &GroupVersionResource) -> u64 {
        self.of(of).revision()
    }
}
