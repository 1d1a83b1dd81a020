//! `metadata.managedFields`: its entries, read, written and kept few.
//!
//! Upstream: `apimachinery/pkg/util/managedfields/internal` (`managedfields.go`, `capmanagers.go`, `stripmeta.go`).

use super::Writer;
use super::fieldset::FieldSet;
use crate::Value;
use serde_json::Map;
use std::borrow::Cow;
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
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub manager: String,
    /// Apply rather than Update.
    pub applied: bool,
    pub api_version: String,
    pub subresource: String,
    /// RFC 3339; empty where unknown.
    pub time: String,
    fields: Fields,
}

/// Most writes touch the fields of one manager; those of the others stay as they were read.
#[derive(Debug, Clone)]
enum Fields {
    /// FieldsV1 as it was stored.
    Stored(Value),
    Set(FieldSet),
}

/// All managers of an object. An entry's identity is manager, operation and subresource, for updates the version too.
#[derive(Debug, Clone, Default)]
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
            fields: Fields::Set(set),
        }
    }

    /// What stored fields cannot say counts as nothing, as upstream has it.
    pub fn set(&self) -> Cow<'_, FieldSet> {
        match &self.fields {
            Fields::Set(set) => Cow::Borrowed(set),
            Fields::Stored(fields) => Cow::Owned(FieldSet::from_value(fields).unwrap_or_default()),
        }
    }

    fn overlaps(&self, set: &FieldSet) -> bool {
        match &self.fields {
            Fields::Set(own) => !own.is_disjoint(set),
            Fields::Stored(fields) => set.overlaps_stored(fields),
        }
    }

    fn same_manager(&self, other: &Self) -> bool {
        self.applied == other.applied
            && self.manager == other.manager
            && self.subresource == other.subresource
            && (self.applied || self.api_version == other.api_version)
    }

    fn read(mut entry: Value) -> Result<Self, String> {
        let fields = match entry["fieldsV1"].take() {
            Value::Null => Fields::Set(FieldSet::default()),
            fields => Fields::Stored(fields),
        };
        let mut text = |field: &str| match entry[field].take() {
            Value::String(text) => text,
            _ => String::new(),
        };
        let applied = match text("operation").as_str() {
            "Apply" => true,
            "Update" => false,
            other => return Err(format!("managedFields entry has the unknown operation {other:?}")),
        };
        let (manager, api_version) = (text("manager"), text("apiVersion"));
        Ok(Self { manager, applied, api_version, subresource: text("subresource"), time: text("time"), fields })
    }

    /// Reads the fields of an entry that a client sent, which may be no fields.
    fn checked(mut self) -> Result<Self, String> {
        if let Fields::Stored(fields) = &self.fields {
            self.fields = Fields::Set(FieldSet::from_value(fields)?);
        }
        Ok(self)
    }

    fn into_value(self) -> Value {
        let mut entry = Map::new();
        let operation = if self.applied { "Apply" } else { "Update" };
        let texts = [
            ("manager", self.manager),
            ("operation", operation.to_owned()),
            ("apiVersion", self.api_version),
            ("fieldsType", "FieldsV1".to_owned()),
            ("time", self.time),
            ("subresource", self.subresource),
        ];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            entry.insert(field.to_owned(), Value::String(text));
        }
        let fields = match self.fields {
            Fields::Stored(fields) => fields,
            Fields::Set(set) => set.into_value(),
        };
        entry.insert("fieldsV1".to_owned(), fields);
        Value::Object(entry)
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
        Self::read(object["metadata"]["managedFields"].clone()).unwrap_or_default()
    }

    fn read(list: Value) -> Result<Self, String> {
        let Value::Array(list) = list else { return Ok(Self::default()) };
        let entries: Result<Vec<Entry>, String> = list.into_iter().map(Entry::read).collect();
        Ok(Self { entries: entries? })
    }

    /// The entries a write starts from: those the client `sent`, if they are readable (one empty entry clears all) and
    /// it does not write a subresource; else the stored ones.
    pub fn of_write(live: Option<&Value>, sent: Value, writer: &Writer<'_>) -> Self {
        if live.is_some_and(|live| live["metadata"]["managedFields"] == sent) {
            return Self::read(sent).unwrap_or_default();
        }
        let stored = || live.map(Self::of).unwrap_or_default();
        match &sent {
            _ if !writer.subresource.is_empty() => stored(),
            Value::Array(list) if list.len() == 1 && list[0].as_object().is_some_and(Map::is_empty) => Self::default(),
            Value::Array(list) if !list.is_empty() => Self::of_client(sent).unwrap_or_else(|_| stored()),
            _ => stored(),
        }
    }

    fn of_client(list: Value) -> Result<Self, String> {
        let mut managed = Self::default();
        for entry in Self::read(list)?.entries {
            managed.put(entry.checked()?);
        }
        Ok(managed)
    }

    /// Adds an entry, or adds to the manager's entry and takes over version and time.
    pub fn put(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.same_manager(&entry)) {
            Some(known) => *known = Entry { fields: Fields::Set(known.set().union(&entry.set())), ..entry },
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
        self.entries.retain_mut(|entry| {
            if entry.overlaps(fields) {
                let left = entry.set().difference(fields);
                let some = !left.is_empty();
                entry.fields = Fields::Set(left);
                return some;
            }
            true
        });
    }

    /// All that anybody owns.
    pub fn union(&self) -> FieldSet {
        self.entries.iter().fold(FieldSet::default(), |all, entry| all.union(&entry.set()))
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
                    bucket.fields = Fields::Set(bucket.set().union(&entry.set()));
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
        let list: Vec<Value> = self.entries.into_iter().map(Entry::into_value).collect();
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
