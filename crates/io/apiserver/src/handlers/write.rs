//! The one way into the store: object in, transaction, object with its new revision out.

use super::{Call, Written};
use crate::server::Server;
use apimachinery::object::encode;
use apimachinery::{ApiError, ApiResult, Object, Reason, Value};
use serde_json::json;
use std::sync::Arc;
use store::{Compare, Key, Op, Outcome, Revision, WriteError};

/// What became of a write that was prepared on a certain revision.
pub(crate) enum Put {
    Done(Arc<Object>),
    /// Somebody else wrote (or deleted, or created) first.
    Raced,
}

impl Server {
    /// Writes an object if the key is still at revision `on` (0: does not exist).
    ///
    /// # Errors
    /// If the store does not accept the write.
    pub(crate) async fn put(&self, call: &Call<'_>, mut object: Value, on: Revision) -> ApiResult<Put> {
        call.resource.to_stored(&mut object);
        let key: Key = call.resource.key(namespace_of(&object), name_of(&object)).into();
        if let Some(meta) = object["metadata"].as_object_mut() {
            meta.remove("resourceVersion");
            meta.remove("selfLink");
        }
        let stored = encode(&object);
        if call.params.dry_run {
            // What was never stored has no revision.
            let shown = if on == 0 { Object::from_value(&object) } else { Object::from_stored(&stored, on) };
            return Ok(Put::Done(Arc::new(shown.map_err(ApiError::internal)?)));
        }
        let value = stored.into();
        let op = Op::Put { key: key.clone(), value: bytes::Bytes::clone(&value), ttl: call.resource.ttl() };
        match self.store.txn(vec![Compare::ModifiedIs(key, on)], vec![op]).await.map_err(refused)? {
            Outcome::Done { revision } => {
                Ok(Put::Done(Arc::new(Object::from_stored(&value, revision).map_err(ApiError::internal)?)))
            }
            Outcome::Refused { .. } => Ok(Put::Raced),
        }
    }

    /// Removes the key if it is still at revision `on`. False: somebody else wrote first.
    pub(crate) async fn remove(&self, call: &Call<'_>, key: &str, on: Revision) -> ApiResult<bool> {
        if call.params.dry_run {
            return Ok(true);
        }
        let key: Key = key.into();
        let compare = Compare::ModifiedIs(key.clone(), on);
        let outcome = self.store.txn(vec![compare], vec![Op::Delete { key }]).await.map_err(refused)?;
        Ok(matches!(outcome, Outcome::Done { .. }))
    }
}

impl Written {
    /// An object as it is kept, in the version of the request.
    pub(crate) fn shown(call: &Call<'_>, object: &Arc<Object>, created: bool) -> Self {
        Self { object: call.resource.shown(object), created }
    }
}

fn refused(error: WriteError) -> ApiError {
    match error {
        WriteError::Full(_) => ApiError::new(Reason::StoreFull, error.to_string()),
        WriteError::Closed => ApiError::new(Reason::ServiceUnavailable, "the server is shutting down"),
        WriteError::Io(_) => ApiError::internal(error),
        WriteError::Unknown(_) => ApiError::new(Reason::Timeout, format!("{error}; read the object to see"))
            .with_details(json!({"retryAfterSeconds": 1})),
    }
}

/// The text at `metadata.<field>`, or nothing.
pub(crate) fn meta_text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

pub(crate) fn name_of(object: &Value) -> &str {
    meta_text(object, "name")
}

pub(crate) fn namespace_of(object: &Value) -> &str {
    meta_text(object, "namespace")
}

/// The object's metadata, made an object where it is none.
pub(crate) fn meta_mut(object: &mut Value) -> &mut serde_json::Map<String, Value> {
    let meta = &mut object["metadata"];
    if !meta.is_object() {
        *meta = json!({});
    }
    match meta {
        Value::Object(map) => map,
        _ => unreachable!("set to an object above"),
    }
}

pub(crate) fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

pub(crate) fn is_deleting(object: &Value) -> bool {
    !meta_text(object, "deletionTimestamp").is_empty()
}

/// Now, as metadata shows times: RFC 3339, whole seconds, UTC.
pub(crate) fn now_text() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
