//! An object on its shelf, and a change of one.

use apimachinery::{Object, Value};
use bytes::Bytes;
use memchr::memmem;
use std::sync::{Arc, OnceLock};
use store::Revision;

/// An object and the values of its shelf's selectable fields, in the shelf's order.
#[derive(Debug)]
pub struct Entry {
    pub object: Arc<Object>,
    pub fields: Box<[Box<str>]>,
}

/// One change of one object.
#[derive(Debug)]
pub struct Event {
    pub revision: Revision,
    pub before: Option<Arc<Entry>>,
    /// None: the object was deleted.
    pub after: Option<Arc<Entry>>,
    gone: OnceLock<Arc<Object>>,
}

impl Entry {
    pub fn new(object: Object, selectable: &[(String, String)]) -> Self {
        Self { fields: fields(&object, selectable), object: Arc::new(object) }
    }
}

impl Event {
    pub fn new(revision: Revision, before: Option<Arc<Entry>>, after: Option<Arc<Entry>>) -> Self {
        Self { revision, before, after, gone: OnceLock::new() }
    }

    /// The object as it is now; for a deletion its last state, at the revision of this event.
    pub fn object(&self) -> Option<&Arc<Object>> {
        self.after.as_ref().map(|entry| &entry.object).or_else(|| self.last_state())
    }

    /// The state before, at the revision of this event: what DELETED carries.
    pub fn last_state(&self) -> Option<&Arc<Object>> {
        let before = self.before.as_ref()?;
        Some(self.gone.get_or_init(|| Arc::new(at_revision(&before.object, self.revision))))
    }

    /// Memory the event keeps alive, bytes, about.
    pub fn weight(&self) -> usize {
        self.object_len() + 256
    }

    fn object_len(&self) -> usize {
        [&self.before, &self.after].into_iter().flatten().map(|entry| entry.object.bytes.len()).max().unwrap_or(0)
    }
}

/// The values of selectable fields as selectors compare them: texts as they are, absent ones empty.
fn fields(object: &Object, selectable: &[(String, String)]) -> Box<[Box<str>]> {
    if selectable.is_empty() {
        return Box::default();
    }
    let value = object.to_value();
    selectable.iter().map(|(_, pointer)| field_text(&value, pointer).into()).collect()
}

/// Upstream's field sets write booleans and numbers as Go's `%v` and absent ones as their zero value.
pub fn field_text(value: &Value, pointer: &str) -> String {
    let one = |pointer: &str| match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    match pointer.split_once('|') {
        None => one(pointer),
        Some(_) => pointer.split('|').map(one).find(|text| !text.is_empty()).unwrap_or_default(),
    }
}

/// The same object with another resourceVersion.
fn at_revision(object: &Object, revision: Revision) -> Object {
    const FIELD: &[u8] = b"\"resourceVersion\":\"";
    let mut head = object.head.clone();
    head.revision = revision;
    let Some(start) = memmem::find(&object.bytes, FIELD).map(|at| at + FIELD.len()) else {
        return Object { bytes: object.bytes.clone(), head };
    };
    let digits = object.bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut bytes = Vec::with_capacity(object.bytes.len() + 4);
    bytes.extend_from_slice(&object.bytes[..start]);
    bytes.extend_from_slice(revision.to_string().as_bytes());
    bytes.extend_from_slice(&object.bytes[start + digits..]);
    Object { bytes: Bytes::from(bytes), head }
}
