//! The three kinds of patches that are not server-side apply. Each is a pure function of document and patch.

pub mod json;
pub mod merge;
pub mod strategic;

pub use crate::codec::negotiate::PatchType;
use crate::{ApiError, Reason, Value};
use schema::SchemaRef;

/// Why a patch was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch itself is no patch.
    #[error("{0}")]
    Malformed(String),
    /// The patch is well-formed but does not fit the object.
    #[error("{0}")]
    DoesNotApply(String),
    /// The patch is larger than we are willing to run.
    #[error("{0}")]
    TooLarge(String),
}

impl From<PatchError> for ApiError {
    fn from(error: PatchError) -> Self {
        match error {
            PatchError::Malformed(why) => Self::bad_request(why),
            PatchError::DoesNotApply(why) => {
                // The first half is upstream's whole text; scripts look for it.
                Self::new(
                    Reason::Invalid,
                    format!("the server rejected our request due to an error in our request: {why}"),
                )
            }
            PatchError::TooLarge(why) => Self::new(Reason::RequestEntityTooLarge, why),
        }
    }
}

/// A document as Go prints a map: `map[spec:map[list:[1 a] none:<nil>]]`.
pub fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("[{}]", list.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(name, value)| format!("{name}:{}", go_text(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}

/// Applies the bytes of a patch. `schema` matters to strategic patches only.
///
/// # Errors
/// If the patch is malformed (400), too large (413), does not fit the object (422), or is an apply, which needs
/// [`crate::apply`].
pub fn apply(kind: PatchType, original: Value, patch: &[u8], schema: SchemaRef<'_>) -> Result<Value, PatchError> {
    let decoded = crate::codec::json::decode_lenient(patch)
        .map_err(|why| PatchError::Malformed(format!("error decoding patch: {why}")))?;
    apply_value(kind, original, &decoded, schema)
}

/// The same for a patch that is a document already.
///
/// # Errors
/// As [`apply`].
pub fn apply_value(
    kind: PatchType,
    original: Value,
    patch: &Value,
    schema: SchemaRef<'_>,
) -> Result<Value, PatchError> {
    match kind {
        PatchType::Json => json::apply(original, patch),
        PatchType::Merge => merge::apply(original, patch),
        PatchType::Strategic => strategic::apply(original, patch, schema),
        PatchType::Apply => Err(PatchError::Malformed("a server-side apply is not a patch of a document".to_owned())),
    }
}
