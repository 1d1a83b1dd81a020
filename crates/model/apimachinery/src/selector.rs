//! Label and field selectors.

pub mod field;
pub mod label;
mod label_parse;

pub use field::FieldSelector;
pub use label::LabelSelector;

/// Why a selector's text was refused, in upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub String);
