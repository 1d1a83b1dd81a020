//! What only some resources do: one file each, found in a table by group, resource and subresource.
//!
//! Two tables: [`Habit`]s run inside the generic handlers, [`Handler`]s answer a subresource or a kind that is not
//! stored. A resource more that behaves specially is a file and a line here.

use crate::handlers::options::Propagation;
use crate::handlers::{Call, Written};
use crate::resource::Resource;
use crate::server::Server;
use apimachinery::{ApiResult, Value};
use async_trait::async_trait;

/// Something reserved for a write (an address, a port). Dropped without [`keep`](Self::keep), it is given back.
pub trait Ticket: Send {
    fn keep(self: Box<Self>);
}

/// How the objects of one resource behave differently from all others. Every method has the common behaviour.
pub trait Habit: Send + Sync {
    /// Seconds of grace of a first delete; None: this kind does not go gracefully.
    fn grace(&self, _object: &Value, _asked: Option<i64>) -> Option<i64> {
        None
    }

    /// Whether something beside `metadata.finalizers` holds a deleted object.
    fn holds(&self, _object: &Value) -> bool {
        false
    }

    /// What else changes when an object is marked as deleted.
    fn mark_deleting(&self, _object: &mut Value) {}

    fn default_propagation(&self) -> Propagation {
        Propagation::Background
    }

    /// Whether a delete answers with the object's last state instead of a Status.
    fn returns_deleted(&self) -> bool {
        false
    }

    /// Allocates what a new object needs.
    ///
    /// # Errors
    /// If what it asks for cannot be had.
    fn begin_create(&self, _server: &Server, _object: &mut Value, _dry_run: bool) -> ApiResult<Option<Box<dyn Ticket>>> {
        Ok(None)
    }

    /// The same for a change.
    ///
    /// # Errors
    /// If what it asks for cannot be had.
    fn begin_update(
        &self,
        _server: &Server,
        _new: &mut Value,
        _old: &Value,
        _dry_run: bool,
    ) -> ApiResult<Option<Box<dyn Ticket>>> {
        Ok(None)
    }

    /// Gives back what a deleted object held.
    fn deleted(&self, _server: &Server, _object: &Value) {}
}

/// Answers requests that the generic handlers cannot.
#[async_trait]
pub trait Handler: Send + Sync {
    async fn call(&self, server: &Server, call: &Call<'_>, verb: &str, body: Value) -> ApiResult<Written>;
}

/// Answered by [`crate::streams`].
const STREAMS: [(&str, &str, &str); 4] =
    [("", "pods", "log"), ("", "pods", "exec"), ("", "pods", "attach"), ("", "pods", "portforward")];

/// The two tables. Keys: `(group, resource)` and `(group, resource, subresource)`.
#[derive(Default)]
pub struct Special {
    habits: Vec<((&'static str, &'static str), Box<dyn Habit>)>,
    handlers: Vec<((&'static str, &'static str, &'static str), Box<dyn Handler>)>,
}

impl Special {
    pub fn builtin() -> Self {
        Self::default()
    }

    pub fn habit(&self, resource: &Resource) -> Option<&dyn Habit> {
        let gvr = &resource.gvr;
        let found = self.habits.iter().find(|((group, plural), _)| *group == gvr.group && *plural == gvr.resource);
        found.map(|(_, habit)| habit.as_ref())
    }

    /// Whether a subresource is a stream into a pod.
    pub fn is_stream(&self, resource: &Resource, subresource: &str) -> bool {
        let gvr = &resource.gvr;
        STREAMS.iter().any(|(group, plural, sub)| *group == gvr.group && *plural == gvr.resource && *sub == subresource)
    }

    /// Whether a special subresource is written by the generic handlers (its rules are the kind's own).
    pub fn is_generic(&self, _resource: &Resource, _subresource: &str) -> bool {
        false
    }

    pub fn handler(&self, resource: &Resource, subresource: &str) -> Option<&dyn Handler> {
        let gvr = &resource.gvr;
        let found = self
            .handlers
            .iter()
            .find(|((group, plural, sub), _)| *group == gvr.group && *plural == gvr.resource && *sub == subresource);
        found.map(|(_, handler)| handler.as_ref())
    }
}
