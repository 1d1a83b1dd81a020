//! What a watch delivers.

use crate::{ApiError, Object};
use std::sync::Arc;

/// Upstream: `apimachinery/pkg/watch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    Added,
    Modified,
    Deleted,
    Bookmark,
}

impl EventType {
    /// The text of the event's `type` field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
        }
    }
}

/// One change. A deleted object is its last state at the revision of its deletion;
/// a bookmark's object carries only a `resourceVersion`.
#[derive(Debug, Clone)]
pub struct WatchEvent {
    pub kind: EventType,
    pub object: Arc<Object>,
}

/// An item of a watch stream: after an error (usually 410 Gone) the stream ends and the reader lists again.
pub type WatchItem = Result<WatchEvent, ApiError>;
