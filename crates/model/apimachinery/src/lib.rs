//! The vocabulary every kind is written in: objects, names of kinds, errors, selectors, patches, watch events.
//!
//! Plain data and pure functions; nothing here waits, reads a clock or does I/O.

pub mod gvk;
pub mod object;
pub mod problems;
pub mod status;
pub mod watch;

pub use gvk::{GroupVersion, GroupVersionKind, GroupVersionResource};
pub use object::{Head, Object, Owner};
pub use problems::Problems;
pub use status::{ApiError, ApiResult, Reason};
pub use watch::{EventType, WatchEvent};

/// A JSON document, the form in which objects are edited.
pub type Value = serde_json::Value;
