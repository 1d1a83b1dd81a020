//! The calls. The API server implements [`Api`] in process (no sockets, no copies); HTTPS implements it for other nodes.

use apimachinery::{ApiResult, GroupVersionResource, Object, Value, watch::WatchItem};
use async_trait::async_trait;
use futures_util::stream::Stream;
use std::pin::Pin;
use std::sync::Arc;

/// Which objects a list or a watch is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Cluster-scoped objects, or those of every namespace.
    All,
    Namespace(&'a str),
}

#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// `app=web,tier!=db`; empty selects all.
    pub label_selector: String,
    /// `spec.nodeName=n1`; empty selects all.
    pub field_selector: String,
}

#[derive(Debug, Clone)]
pub struct ObjectList {
    pub items: Vec<Arc<Object>>,
    /// Watch from here to see what comes after.
    pub revision: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    Json,
    Merge,
    Strategic,
    /// Server-side apply under this field manager.
    Apply {
        manager: &'static str,
        force: bool,
    },
}

/// Options of a write. `subresource` is empty or `status`, `scale`, `binding`, `eviction`, `token`, `finalize`...
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions<'a> {
    pub subresource: &'a str,
    /// The name under which changed fields are recorded; empty takes the component's own.
    pub field_manager: &'a str,
}

/// Preconditions hold or nothing is deleted (409).
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    pub uid: Option<String>,
    pub revision: Option<u64>,
    pub grace_seconds: Option<i64>,
    /// `Background`, `Foreground`, `Orphan`; None takes the kind's default.
    pub propagation: Option<&'static str>,
}

pub type WatchStream = Pin<Box<dyn Stream<Item = WatchItem> + Send>>;

/// The API as one identity sees it.
#[async_trait]
pub trait Api: Send + Sync + 'static {
    async fn get(&self, of: &GroupVersionResource, namespace: &str, name: &str) -> ApiResult<Arc<Object>>;

    async fn list(&self, of: &GroupVersionResource, scope: Scope<'_>, options: &ListOptions) -> ApiResult<ObjectList>;

    /// Everything after `revision`; bookmarks come now and then so that a quiet watch stays resumable.
    async fn watch(
        &self,
        of: &GroupVersionResource,
        scope: Scope<'_>,
        options: &ListOptions,
        revision: u64,
    ) -> ApiResult<WatchStream>;

    /// With `options.subresource` set, posts to that subresource of the object `body` names.
    async fn create(
        &self,
        of: &GroupVersionResource,
        namespace: &str,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>>;

    /// The body's resourceVersion, where set, must be the current one (409 Conflict).
    async fn update(
        &self,
        of: &GroupVersionResource,
        namespace: &str,
        name: &str,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>>;

    async fn patch(
        &self,
        of: &GroupVersionResource,
        namespace: &str,
        name: &str,
        kind: PatchKind,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>>;

    async fn delete(
        &self,
        of: &GroupVersionResource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> ApiResult<()>;

    /// Resources that can be listed and watched and deleted, as discovery names them now (built in and custom):
    /// `(resource, kind, namespaced)`. For namespace deletion and garbage collection.
    async fn discover(&self) -> ApiResult<Vec<Discovered>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    pub resource: GroupVersionResource,
    pub kind: String,
    pub namespaced: bool,
}
