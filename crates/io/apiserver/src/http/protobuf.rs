//! The protobuf form of bodies: an envelope (`k8s\0`, `runtime.Unknown`) around a message.

use crate::handlers::list::Listed;
use crate::resource::Resource;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use bytes::Bytes;
use schema::protobuf;

/// # Errors
/// If the bytes are not a built-in object in the envelope.
pub fn decode(bytes: &[u8]) -> Result<Value, String> {
    protobuf::decode_object(bytes).map_err(|error| error.to_string())
}

/// JSON of one object.
///
/// # Errors
/// 406 for documents that have no protobuf form.
pub fn encode(json: &[u8]) -> ApiResult<Bytes> {
    let value: Value = serde_json::from_slice(json).map_err(ApiError::internal)?;
    let (api_version, kind) = identity(&value);
    Ok(protobuf::wrap(api_version, kind, &message(&value)?).into())
}

/// A list, item by item, so that it is never held as documents.
///
/// # Errors
/// 406 if the kind has no protobuf form.
pub fn list(resource: &Resource, listed: &Listed, metadata: &Value) -> ApiResult<Bytes> {
    let mut messages = Vec::with_capacity(listed.items.len());
    for item in &listed.items {
        messages.push(message(&item.to_value())?);
    }
    let raw = protobuf::list(metadata, messages.iter().map(Vec::as_slice)).map_err(ApiError::internal)?;
    let kind = format!("{}List", resource.gvk.kind);
    Ok(protobuf::wrap(&resource.gvk.api_version(), &kind, &raw).into())
}

/// One event of a watch: four bytes of length, then the message. An object without protobuf form is left out.
pub fn frame(kind: &str, object: &[u8], piece: &mut Vec<u8>) {
    match encode(object) {
        Ok(object) => piece.extend_from_slice(&protobuf::frame(&protobuf::watch_event(kind, &object))),
        Err(error) => tracing::warn!(%error, "an event was not sent: its object has no protobuf form"),
    }
}

fn message(value: &Value) -> ApiResult<Vec<u8>> {
    let (api_version, kind) = identity(value);
    let name = schema::kinds::type_of(api_version, kind).ok_or_else(|| {
        let text = format!("{kind} in {api_version} has no protobuf form; ask for application/json");
        ApiError::new(Reason::NotAcceptable, text)
    })?;
    protobuf::to_protobuf(name, value).map_err(|error| ApiError::new(Reason::NotAcceptable, error.to_string()))
}

fn identity(value: &Value) -> (&str, &str) {
    (value["apiVersion"].as_str().unwrap_or_default(), value["kind"].as_str().unwrap_or_default())
}
