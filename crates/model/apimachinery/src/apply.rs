//! Server-side apply: who set which field, and what follows from it.
//!
//! Upstream: `sigs.k8s.io/structured-merge-diff`, `apimachinery/pkg/util/managedfields`.

use crate::{ApiError, Value};
use schema::SchemaRef;

/// Who writes, and how that is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The field manager: `kubectl`, `kube-controller-manager`. At most 128 bytes (see [`validate_manager`]).
    pub manager: &'a str,
    /// Of the request: `apps/v1`.
    pub api_version: &'a str,
    /// Empty for the object itself, or `status`, `scale`.
    pub subresource: &'a str,
    /// RFC 3339 seconds.
    pub now: &'a str,
    /// Fields this way of writing cannot change, each as its path: `&[&["status"]]` for the object itself. They are
    /// never owned by this write.
    pub reset: &'a [&'a [&'a str]],
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyError {
    /// Others own fields the patch would change; `force` takes them.
    Conflicts(Vec<Conflict>),
    /// The patch does not fit the schema or is no document to apply.
    Invalid(String),
}

/// One field that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// `"kubectl-client-side-apply" using apps/v1`
    pub manager: String,
    /// `.spec.replicas`
    pub field: String,
}

impl From<ApplyError> for ApiError {
    fn from(_error: ApplyError) -> Self {
        todo!()
    }
}

/// Records in `new.metadata.managedFields` what a create (`live` is None), update or patch changed. Call it after
/// defaulting and the kind's preparation, before validation. `new`'s own managedFields count as the client's wish:
/// absent keeps the stored ones, an explicit empty list clears them.
pub fn update(_live: Option<&Value>, _new: &mut Value, _schema: SchemaRef<'_>, _writer: &Writer<'_>) {
    todo!()
}

/// Applies `patch` to `live` (None: the object is to be created) and returns the document to default, validate and
/// store. Nothing changed means that the result equals `live`, so that nothing needs writing.
///
/// # Errors
/// Conflicts (unless `force`), or an invalid patch.
pub fn apply(
    _live: Option<&Value>,
    _patch: &Value,
    _schema: SchemaRef<'_>,
    _writer: &Writer<'_>,
    _force: bool,
) -> Result<Value, ApplyError> {
    todo!()
}
