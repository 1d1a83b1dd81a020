//! What a request does to objects of any kind: read, watch, create, update, patch, delete.
//!
//! Invariants
//! - No handler knows a kind; what only some kinds do stands in the table of [`crate::special`].
//! - Every write runs the whole way: defaults, preparation, admission, validation, field ownership, one transaction.
//!
//! Upstream: `apiserver/pkg/endpoints/handlers`, `apiserver/pkg/registry/generic/registry/store.go`.

pub mod check;
pub mod create;
pub mod delete;
pub mod dispatch;
pub mod fields;
pub mod fit;
pub mod list;
pub mod options;
pub mod patch;
pub mod read;
pub mod scale;
pub mod update;
pub mod watch;
pub mod write;

use crate::auth::UserInfo;
use crate::resource::Resource;
use apimachinery::Object;
use options::WriteParams;
use std::sync::{Arc, Mutex, PoisonError};

/// One request about a resource, in whatever way it came.
pub struct Call<'a> {
    pub user: &'a UserInfo,
    pub resource: Arc<Resource>,
    /// Empty for cluster-scoped objects and for requests about all namespaces.
    pub namespace: &'a str,
    /// Empty for requests about a collection.
    pub name: &'a str,
    /// `status`, `scale`, ... or empty.
    pub subresource: &'a str,
    pub params: WriteParams,
    /// What the client is told in `Warning:` headers.
    pub warnings: Warnings,
}

/// Texts for `Warning:` headers, without repetition.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<Vec<String>>);

/// What a write did.
#[derive(Debug, Clone)]
pub struct Written {
    pub object: Arc<Object>,
    /// 201 instead of 200.
    pub created: bool,
}

/// Warnings of one answer, at most: headers must not grow with the request.
const MAX_WARNINGS: usize = 100;

impl Warnings {
    pub fn add(&self, text: impl Into<String>) {
        let text = text.into();
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < MAX_WARNINGS && !list.contains(&text) {
            list.push(text);
        }
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<'a> Call<'a> {
    pub fn new(user: &'a UserInfo, resource: Arc<Resource>, namespace: &'a str, name: &'a str) -> Self {
        Self {
            user,
            resource,
            namespace,
            name,
            subresource: "",
            params: WriteParams::default(),
            warnings: Warnings::default(),
        }
    }

    /// The same request about an object of another name (an item of a collection).
    pub fn for_object<'b>(&'b self, namespace: &'b str, name: &'b str) -> Call<'b> {
        Call {
            user: self.user,
            resource: self.resource.clone(),
            namespace,
            name,
            subresource: self.subresource,
            params: self.params.clone(),
            warnings: Warnings::default(),
        }
    }

    pub fn key(&self) -> String {
        self.resource.key(self.namespace, self.name)
    }
}
