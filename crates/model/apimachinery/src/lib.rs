//! The vocabulary every kind is written in: objects, names of kinds, errors, selectors, patches, watch events.
//!
//! Plain data and pure functions; nothing here waits, reads a clock or does I/O.

pub mod apply;
pub mod codec;
pub mod gvk;
pub mod meta;
pub mod object;
pub mod patch;
pub mod problems;
pub mod quantity;
pub mod selector;
pub mod status;
pub mod strict;
pub mod table;
pub mod time;
pub mod validate;
pub mod watch;

pub use gvk::{GroupVersion, GroupVersionKind, GroupVersionResource};
pub use object::{Head, Object, Owner};
pub use problems::Problems;
pub use quantity::Quantity;
pub use selector::{FieldSelector, LabelSelector};
pub use status::{ApiError, ApiResult, Reason};
pub use watch::{EventType, WatchEvent};

/// A JSON document, the form in which objects are edited.
pub type Value = serde_json::Value;
