//! JSON to protobuf and back, driven by the table of built-in types.
//!
//! Clients written in Go send and ask for protobuf for built-in types. Objects are kept as JSON, so that each way is one
//! walk over a document. Upstream: `apimachinery/pkg/runtime/serializer/protobuf`, the `generated.proto` files.
//!
//! Invariants
//! - Decoding never panics and never recurses deeper than [`MAX_DEPTH`], whatever the bytes.
//! - What is not in the table is skipped, as Go's decoders do.
//! - A zero that Go's encoder writes for a field without pointer is absent in the JSON, as in Go's own JSON.

mod decode;
mod encode;
mod envelope;
mod special;
pub(crate) mod wire;

pub use envelope::{Envelope, decode_object, frame, is_enveloped, list, unwrap, watch_event, wrap};

pub(crate) use special::{is_duration, schema_props};

use crate::table;
use serde_json::Value;

/// How deep messages may nest. serde_json's own limit for JSON is 128; deep CRD schemas reach some 60.
pub const MAX_DEPTH: usize = 100;

/// How many values a decoded object may have: more than fit into the largest object that is stored, and a bound for what
/// a body of two-byte empty messages can make us allocate.
pub const MAX_VALUES: usize = 1_000_000;

/// Why bytes or a document cannot be translated.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    #[error("the type {0} has no protobuf form here; ask for application/json")]
    UnknownType(String),
    #[error("unexpected end of protobuf data")]
    Truncated,
    #[error("protobuf: malformed varint")]
    Varint,
    #[error("protobuf: illegal tag or wire type")]
    Tag,
    #[error("protobuf: wrong wire type for field {0}")]
    WireType(String),
    #[error("protobuf: field {0} is not valid UTF-8")]
    Utf8(String),
    #[error("protobuf: field {0} does not hold valid JSON")]
    Json(String),
    #[error("protobuf: messages nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("protobuf: more than {MAX_VALUES} values in one object")]
    TooMany,
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NotEnveloped,
    /// The document does not fit its type.
    #[error("field {field} does not hold {expected}")]
    Shape { field: String, expected: &'static str },
}

/// The message of a document; apiVersion and kind are not part of it, they stand in the envelope.
///
/// # Errors
/// If the type is not in the table or the document does not fit it.
pub fn to_protobuf(type_name: &str, value: &Value) -> Result<Vec<u8>, Error> {
    let number = table::find(type_name).ok_or_else(|| Error::UnknownType(type_name.to_owned()))?;
    let mut out = Vec::with_capacity(1024);
    encode::message(table::root(number), value, &mut out)?;
    Ok(out)
}

/// The document of a message, without apiVersion and kind.
///
/// # Errors
/// If the type is not in the table or the bytes are not such a message.
pub fn from_protobuf(type_name: &str, bytes: &[u8]) -> Result<Value, Error> {
    let number = table::find(type_name).ok_or_else(|| Error::UnknownType(type_name.to_owned()))?;
    decode::Decoder::default().message(table::root(number), bytes, 0)
}
