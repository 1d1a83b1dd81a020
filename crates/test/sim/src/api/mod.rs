//! The API server in small: objects with revisions, a log of changes for each resource, and the rules that our drivers
//! count on. Defaults, strategies and validation are the real ones of `kinds`.

mod admit;
mod call;
mod change;
mod delete;
mod rules;

pub use call::{Answer, Call, Delete, Tolerance, Verb};

use crate::agenda::BEGIN;
use crate::rng::Rng;
use apimachinery::object::encode;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Value};
use kinds::{KindDef, registry, resources};
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::Timestamp;

/// What is served here.
pub static SERVED: [&Gvr; 19] = [
    &resources::NAMESPACES,
    &resources::NODES,
    &resources::PODS,
    &resources::CONFIG_MAPS,
    &resources::SECRETS,
    &resources::SERVICES,
    &resources::ENDPOINTS,
    &resources::SERVICE_ACCOUNTS,
    &resources::PERSISTENT_VOLUMES,
    &resources::PERSISTENT_VOLUME_CLAIMS,
    &resources::ENDPOINT_SLICES,
    &resources::CERTIFICATE_SIGNING_REQUESTS,
    &resources::LEASES,
    &resources::STORAGE_CLASSES,
    &resources::DEPLOYMENTS,
    &resources::REPLICA_SETS,
    &resources::CONTROLLER_REVISIONS,
    &resources::JOBS,
    &resources::CRON_JOBS,
];

/// One write, as watches tell it.
#[derive(Debug)]
pub struct Entry {
    pub revision: u64,
    pub key: String,
    /// None: deleted.
    pub new: Option<Arc<Object>>,
}

struct Shelf {
    of: &'static Gvr,
    def: &'static KindDef,
    objects: BTreeMap<String, Arc<Object>>,
    log: Vec<Entry>,
}

/// A write, for whoever follows the run.
#[derive(Debug)]
pub struct Wrote {
    pub of: &'static Gvr,
    pub line: String,
}

pub struct Api {
    shelves: Vec<Shelf>,
    revision: u64,
    uids: u64,
    rng: Rng,
    pub now: Timestamp,
    /// Since last asked.
    pub wrote: Vec<Wrote>,
    /// The first rule that was broken, whatever happened.
    pub broken: Option<String>,
    pub rules: rules::Memory,
}

impl Api {
    pub fn new(rng: Rng) -> Self {
        let shelf = |of: &&'static Gvr| Shelf { of, def: def_of(of), objects: BTreeMap::new(), log: Vec::new() };
        Self {
            shelves: SERVED.iter().map(shelf).collect(),
            revision: 0,
            uids: 0,
            rng,
            now: BEGIN,
            wrote: Vec::new(),
            broken: None,
            rules: rules::Memory::default(),
        }
    }

    fn place(&self, of: &Gvr) -> usize {
        let found = self.shelves.iter().position(|shelf| shelf.of == of);
        found.unwrap_or_else(|| panic!("{} is not served in the simulation; add it to SERVED", of.qualified()))
    }

    pub fn shelf(&self, of: &Gvr) -> &BTreeMap<String, Arc<Object>> {
        &self.shelves[self.place(of)].objects
    }

    pub fn log(&self, of: &Gvr) -> &[Entry] {
        &self.shelves[self.place(of)].log
    }

    pub fn def(&self, of: &Gvr) -> &'static KindDef {
        self.shelves[self.place(of)].def
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// # Errors
    /// 404.
    pub fn get(&self, of: &Gvr, namespace: &str, name: &str) -> ApiResult<Arc<Object>> {
        let found = self.shelf(of).get(&key(namespace, name));
        found.cloned().ok_or_else(|| ApiError::not_found(of, name))
    }

    pub fn list(&self, of: &Gvr, namespace: &str) -> Vec<Arc<Object>> {
        let all = self.shelf(of).values();
        all.filter(|object| namespace.is_empty() || object.head.namespace == namespace).cloned().collect()
    }

    fn next_uid(&mut self) -> String {
        self.uids += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", self.rng.next() >> 32, self.uids)
    }

    /// Writes an object as it is from now on.
    fn put(&mut self, of: &Gvr, mut value: Value, what: &str) -> ApiResult<Arc<Object>> {
        self.revision += 1;
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        let object = Object::from_stored(&encode(&value), self.revision).map_err(ApiError::internal)?;
        let (object, place) = (Arc::new(object), self.place(of));
        let key = object.key();
        let old = self.shelves[place].objects.insert(key.clone(), Arc::clone(&object));
        self.note(place, key, old.as_deref(), Some(Arc::clone(&object)), what);
        Ok(object)
    }

    fn remove(&mut self, of: &Gvr, key: &str, what: &str) {
        let place = self.place(of);
        if let Some(old) = self.shelves[place].objects.remove(key) {
            self.revision += 1;
            self.note(place, key.to_owned(), Some(&old), None, what);
        }
    }

    fn note(&mut self, place: usize, key: String, old: Option<&Object>, new: Option<Arc<Object>>, what: &str) {
        let of = self.shelves[place].of;
        if let Err(why) = self.rules.check(of, old, new.as_deref(), self.now) {
            self.broken.get_or_insert(format!("{} {key}: {why}", of.resource));
        }
        self.wrote.push(Wrote { of, line: format!("{what} {} {key} @{}", of.resource, self.revision) });
        self.shelves[place].log.push(Entry { revision: self.revision, key, new });
    }
}

pub fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

fn def_of(of: &Gvr) -> &'static KindDef {
    let is_it = |def: &&&KindDef| def.group == of.group && def.version == of.version && def.plural == of.resource;
    let found = registry::ALL.iter().find(is_it);
    found.unwrap_or_else(|| panic!("no kind is served as {}", of.qualified()))
}
