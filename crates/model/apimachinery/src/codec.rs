//! Bytes to documents and back: JSON, YAML, and which of them a request speaks.

pub mod json;
pub mod negotiate;
mod strict_value;
pub mod yaml;

use crate::Value;

pub const JSON: &str = "application/json";
pub const YAML: &str = "application/yaml";
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// A document and what was odd about its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub value: Value,
    /// Fields given more than once (the last one counts), in upstream's words: `duplicate field "spec.x"`. At most
    /// [`json::MAX_DUPLICATES`].
    pub duplicates: Vec<String>,
}
