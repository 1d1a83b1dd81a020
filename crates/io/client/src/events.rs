//! Events: what happened to an object, for people. Repeats are counted, floods are cut, nobody waits for them.
//!
//! Upstream: `client-go/tools/record` (correlation by source, object, type, reason and message).

use crate::{Api, PatchKind, WriteOptions, resources};
use apimachinery::{ApiError, Object, Value};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use stdx::{Clock, SystemClock, Timestamp};
use tokio::sync::mpsc;

/// Events waiting to be written. Beyond it they are dropped: events inform, they must never hold up the work.
const QUEUE: usize = 1024;

/// Remembered events for counting repeats (upstream: `maxLruCacheEntries` 4096; ours are small clusters).
const REMEMBERED: usize = 512;

/// The object an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ObjectRef {
    pub api_version: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// `spec.containers{web}` for events of one container; else empty.
    pub field_path: String,
}

/// Writes events in the background under one component's name. Clone it freely.
#[derive(Clone)]
pub struct EventRecorder {
    queue: mpsc::Sender<Note>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Note {
    about: ObjectRef,
    warning: bool,
    reason: String,
    message: String,
}

struct Written {
    name: String,
    count: i64,
}

struct Writer {
    api: Arc<dyn Api>,
    component: &'static str,
    /// The node's name for node components, else empty.
    host: String,
    written: HashMap<Note, Written>,
}

impl ObjectRef {
    /// A reference to an object of this kind.
    pub fn to(object: &Object, api_version: &str, kind: &str) -> Self {
        let head = &object.head;
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: head.namespace.clone(),
            name: head.name.clone(),
            uid: head.uid.clone(),
            field_path: String::new(),
        }
    }
}

impl EventRecorder {
    pub fn start(api: Arc<dyn Api>, component: &'static str, host: &str) -> Self {
        let (queue, mut notes) = mpsc::channel::<Note>(QUEUE);
        let mut writer = Writer { api, component, host: host.to_owned(), written: HashMap::new() };
        tokio::spawn(async move {
            while let Some(note) = notes.recv().await {
                if let Err(error) = writer.write(note).await {
                    tracing::debug!(%error, "an event was not written");
                }
            }
        });
        Self { queue }
    }

    pub fn normal(&self, about: &ObjectRef, reason: &str, message: impl Into<String>) {
        self.record(about, false, reason, message.into());
    }

    pub fn warning(&self, about: &ObjectRef, reason: &str, message: impl Into<String>) {
        self.record(about, true, reason, message.into());
    }

    pub fn record(&self, about: &ObjectRef, warning: bool, reason: &str, message: String) {
        // A full queue drops the event; see QUEUE.
        _ = self.queue.try_send(Note { about: about.clone(), warning, reason: reason.to_owned(), message });
    }
}

impl Writer {
    async fn write(&mut self, note: Note) -> Result<(), ApiError> {
        let now = SystemClock.now();
        if let Some(written) = self.written.get_mut(&note) {
            written.count += 1;
            let (name, count) = (written.name.clone(), written.count);
            match self.count(&note, &name, count, now).await {
                Err(error) if error.is_not_found() => _ = self.written.remove(&note),
                done => return done,
            }
        }
        self.create(note, now).await
    }

    async fn count(&self, note: &Note, name: &str, count: i64, now: Timestamp) -> Result<(), ApiError> {
        let patch = json!({"count": count, "lastTimestamp": apimachinery::time::format_seconds(now.secs())});
        let options = WriteOptions { field_manager: self.component, ..WriteOptions::default() };
        self.api.patch(&resources::EVENTS, namespace(&note.about), name, PatchKind::Merge, patch, options).await?;
        Ok(())
    }

    async fn create(&mut self, note: Note, now: Timestamp) -> Result<(), ApiError> {
        let name = format!("{}.{:x}", note.about.name, now.0.as_nanos());
        let options = WriteOptions { field_manager: self.component, ..WriteOptions::default() };
        let body = self.body(&note, &name, now);
        self.api.create(&resources::EVENTS, namespace(&note.about), body, options).await?;
        if self.written.len() >= REMEMBERED {
            // Forgetting all at once only means that some repeats start a new event.
            self.written.clear();
        }
        self.written.insert(note, Written { name, count: 1 });
        Ok(())
    }

    fn body(&self, note: &Note, name: &str, now: Timestamp) -> Value {
        let about = &note.about;
        let at = apimachinery::time::format_seconds(now.secs());
        let mut source = json!({"component": self.component});
        if !self.host.is_empty() {
            source["host"] = self.host.as_str().into();
        }
        let mut involved = json!({
            "apiVersion": about.api_version, "kind": about.kind, "name": about.name,
            "namespace": about.namespace, "uid": about.uid, "fieldPath": about.field_path,
        });
        if let Value::Object(fields) = &mut involved {
            fields.retain(|_, value| value != "");
        }
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace(about)},
            "involvedObject": involved, "reason": note.reason, "message": note.message,
            "type": if note.warning { "Warning" } else { "Normal" },
            "source": source, "reportingComponent": self.component, "reportingInstance": self.host,
            "firstTimestamp": at, "lastTimestamp": at, "count": 1,
        })
    }
}

/// Events of cluster-scoped objects live in `default`.
fn namespace(about: &ObjectRef) -> &str {
    if about.namespace.is_empty() { "default" } else { &about.namespace }
}
