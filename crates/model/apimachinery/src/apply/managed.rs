//! `metadata.managedFields`: its entries, read, written and kept few.
//!
//! Upstream: `apimachinery/pkg/util/managedfields/internal` (`managedfields.go`, `capmanagers.go`, `stripmeta.go`).

use super::Writer;
use super::fieldset::FieldSet;
use crate::Value;
use serde_json::{Map, json};
use std::collections::HashMap;

/// Entries of the operation Update an object keeps; older ones melt into one. Upstream: `DefaultMaxUpdateManagers`.
const MAX_UPDATE_MANAGERS: usize = 10;
/// The name old entries melt into.
const ANCIENT: &str = "ancient-changes";

/// Facts of metadata that nobody owns. Upstream: `stripSet`.
const SYSTEM_METADATA: [&str; 8] = [
    "f:name",
    "f:namespace",
    "f:creationTimestamp",
    "f:selfLink",
    "f:uid",
    "f:clusterName",
    "f:generation",
    "f:resourceVersion",
];

/// One manager's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub manager: String,
    /// Apply rather than Update.
    pub applied: bool,
    pub api_version: String,
    pub subresource: String,
    /// RFC 3339; empty where unknown.
    pub time: String,
    pub set: FieldSet,
}

/// All managers of an object. An entry's identity is manager, operation and subresource, for updates the version too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Managed {
    pub entries: Vec<Entry>,
}

impl Entry {
    pub fn of_writer(writer: &Writer<'_>, applied: bool, set: FieldSet) -> Self {
        Self {
            manager: writer.manager.to_owned(),
            applied,
            api_version: writer.api_version.to_owned(),
            subresource: writer.subresource.to_owned(),
            time: writer.now.to_owned(),
            set,
        }
    }

    fn same_manager(&self, other: &Self) -> bool {
        self.applied == other.applied
            && self.manager == other.manager
            && self.subresource == other.subresource
            && (self.applied || self.api_version == other.api_version)
    }

    fn read(entry: &Value) -> Result<Self, String> {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let applied = match text("operation").as_str() {
            "Apply" => true,
            "Update" => false,
            other => return Err(format!("managedFields entry has the unknown operation {other:?}")),
        };
        let set = match &entry["fieldsV1"] {
            Value::Null => FieldSet::default(),
            fields => FieldSet::from_value(fields)?,
        };
        let (manager, api_version) = (text("manager"), text("apiVersion"));
        Ok(Self { manager, applied, api_version, subresource: text("subresource"), time: text("time"), set })
    }

    fn to_value(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager,
            "operation": if self.applied { "Apply" } else { "Update" },
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.set.to_value(),
        });
        for (field, text) in [("time", &self.time), ("subresource", &self.subresource)] {
            if !text.is_empty() {
                entry[field] = text.as_str().into();
            }
        }
        entry
    }

    /// `"kubectl" with subresource "status" using apps/v1`, as conflicts name it.
    pub fn shown(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if !self.applied {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

impl Managed {
    /// Reads an object's entries; none if they cannot be read, as upstream does.
    pub fn of(object: &Value) -> Self {
        Self::read(&object["metadata"]["managedFields"]).unwrap_or_default()
    }

    fn read(list: &Value) -> Result<Self, String> {
        let mut managed = Self::default();
        for entry in list.as_array().into_iter().flatten() {
            managed.put(Entry::read(entry)?);
        }
        Ok(managed)
    }

    /// The entries a write starts from. The client's own, if it sent readable ones (one empty entry clears all) and
    /// does not write a subresource; else the stored ones.
    pub fn of_write(live: Option<&Value>, new: &Value, writer: &Writer<'_>) -> Self {
        let stored = || live.map(Self::of).unwrap_or_default();
        if !writer.subresource.is_empty() {
            return stored();
        }
        match &new["metadata"]["managedFields"] {
            Value::Array(list) if list.len() == 1 && list[0].as_object().is_some_and(Map::is_empty) => Self::default(),
            Value::Array(list) if list.is_empty() => stored(),
            list @ Value::Array(_) => Self::read(list).unwrap_or_else(|_| stored()),
            _ => stored(),
        }
    }

    /// Adds an entry, or adds to the manager's entry and takes over version and time.
    pub fn put(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.same_manager(&entry)) {
            Some(known) => *known = Entry { set: known.set.union(&entry.set), ..entry },
            None => self.entries.push(entry),
        }
    }

    /// Takes the writer's own entry of applied fields out.
    pub fn take_applied(&mut self, writer: &Writer<'_>) -> Option<Entry> {
        let own =
            |entry: &Entry| entry.applied && entry.manager == writer.manager && entry.subresource == writer.subresource;
        let at = self.entries.iter().position(own)?;
        Some(self.entries.remove(at))
    }

    /// Takes fields from every entry; entries left empty go.
    pub fn forget(&mut self, fields: &FieldSet) {
        if fields.is_empty() {
            return;
        }
        for entry in &mut self.entries {
            if !entry.set.is_disjoint(fields) {
                entry.set = entry.set.difference(fields);
            }
        }
        self.entries.retain(|entry| !entry.set.is_empty());
    }

    /// All that anybody owns.
    pub fn union(&self) -> FieldSet {
        self.entries.iter().fold(FieldSet::default(), |all, entry| all.union(&entry.set))
    }

    /// Melts the oldest updates into `ancient-changes` until there are few enough. Upstream: `capUpdateManagers`.
    pub fn cap(&mut self) {
        let mut updates: Vec<Entry> = Vec::new();
        if self.entries.iter().filter(|entry| !entry.applied).count() <= MAX_UPDATE_MANAGERS {
            return;
        }
        let (applied, mut rest): (Vec<Entry>, Vec<Entry>) = self.entries.drain(..).partition(|entry| entry.applied);
        rest.sort_by(|a, b| (&a.time, &a.manager, &a.api_version).cmp(&(&b.time, &b.manager, &b.api_version)));
        let mut surplus = rest.len() - MAX_UPDATE_MANAGERS;
        // The first entry of a version stays until a second one comes to melt with it.
        let mut first_of: HashMap<String, usize> = HashMap::new();
        for entry in rest {
            match first_of.get(&entry.api_version) {
                Some(at) if surplus > 0 => {
                    let bucket = &mut updates[*at];
                    bucket.set = bucket.set.union(&entry.set);
                    bucket.time = entry.time;
                    bucket.manager = ANCIENT.to_owned();
                    bucket.subresource.clear();
                    surplus -= 1;
                }
                _ => {
                    first_of.entry(entry.api_version.clone()).or_insert(updates.len());
                    updates.push(entry);
                }
            }
        }
        self.entries = applied;
        updates.into_iter().for_each(|entry| self.put(entry));
    }

    /// Writes the entries into an object, in upstream's order; no entries, no field.
    pub fn store(mut self, object: &mut Value) {
        if self.entries.is_empty() {
            crate::meta::remove(object, "managedFields");
            return;
        }
        fn order(entry: &Entry) -> (bool, &str, &str, &str, &str) {
            (!entry.applied, &entry.time, &entry.manager, &entry.api_version, &entry.subresource)
        }
        self.entries.sort_by(|a, b| order(a).cmp(&order(b)));
        let list: Vec<Value> = self.entries.iter().map(Entry::to_value).collect();
        crate::meta::set(object, "managedFields", list);
    }
}

/// Leaves out what nobody can own: identity and system metadata.
pub(super) fn stripped(mut set: FieldSet) -> FieldSet {
    set.nodes.retain(|node| node.name != "f:apiVersion" && node.name != "f:kind");
    if let Some(metadata) = set.nodes.iter_mut().find(|node| node.name == "f:metadata") {
        metadata.member = false;
        let fields = &mut metadata.children.nodes;
        fields.retain(|node| !SYSTEM_METADATA.contains(&node.name.as_str()) && node.name != "f:managedFields");
    }
    set.nodes.retain(|node| node.member || !node.children.is_empty());
    set
}
