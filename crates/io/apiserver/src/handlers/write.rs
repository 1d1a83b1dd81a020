//! The one way into the store: object in, transaction, object with its new revision out.

use super::{Call, Written};
use crate::server::Server;
use crate::special::Claims;
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
    /// Another object has what this one claims, as of this revision. The refusal is for the client; none: claim another.
    Taken(Revision, Option<ApiError>),
}

impl Server {
    /// Writes an object if the key is still at revision `on` (0: does not exist).
    ///
    /// # Errors
    /// If the store does not accept the write.
    pub(crate) async fn put(&self, call: &Call<'_>, object: Value, on: Revision) -> ApiResult<Put> {
        self.put_claiming(call, object, on, &Claims::default()).await
    }

    /// The same, with what the object claims for itself alone, or no longer needs.
    pub(crate) async fn put_claiming(
        &self,
        call: &Call<'_>,
        mut object: Value,
        on: Revision,
        claims: &Claims,
    ) -> ApiResult<Put> {
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
        let compares = [Compare::ModifiedIs(key, on)].into_iter().chain(claims.compares()).collect();
        let ops = [op].into_iter().chain(claims.ops()).collect();
        match self.store.txn(compares, ops).await.map_err(refused)? {
            Outcome::Done { revision } => {
                Ok(Put::Done(Arc::new(Object::from_stored(&value, revision).map_err(ApiError::internal)?)))
            }
            Outcome::Refused { revision, current } => {
                let found = current.first().and_then(Option::as_ref).map_or(0, |own| own.modified);
                let taken = claims.take.iter().zip(current.iter().skip(1)).find(|(_, other)| other.is_some());
                match taken.filter(|_| found == on) {
                    Some((claim, _)) => Ok(Put::Taken(revision, claim.refusal.clone())),
                    None => Ok(Put::Raced),
                }
            }
        }
    }

    /// Removes the key if it is still at revision `on`, and what the object claimed. False: somebody else wrote first.
    pub(crate) async fn remove(&self, call: &Call<'_>, object: &Value, on: Revision) -> ApiResult<bool> {
        if call.params.dry_run {
            return Ok(true);
        }
        let key: Key = call.key().into();
        let compare = Compare::ModifiedIs(key.clone(), on);
        let claimed = self.special.habit(&call.resource).map(|habit| habit.claimed(object)).unwrap_or_default();
        let ops = [Op::Delete { key }].into_iter().chain(claimed.into_iter().map(Op::delete)).collect();
        let outcome = self.store.txn(vec![compare], ops).await.map_err(refused)?;
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
