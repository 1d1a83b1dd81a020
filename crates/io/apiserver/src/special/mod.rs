//! What only some resources do: one file each, found in a table by group, resource and subresource.
//!
//! Two tables: [`Habit`]s run inside the generic handlers, [`Handler`]s answer a subresource or a kind that is not
//! stored. A resource more that behaves specially is a file and a line here.

mod binding;
pub(crate) mod claims;
mod eviction;
mod finalize;
mod lifecycles;
mod metrics;
mod ranges;
mod reviews;
mod services;
mod token;

use crate::handlers::list::Listed;
use crate::handlers::options::{ListParams, Propagation};
use crate::handlers::{Call, Written};
use crate::resource::Resource;
use crate::server::{Config, Server};
use apimachinery::{ApiError, ApiResult, Object, Reason, Value};
use async_trait::async_trait;
pub(crate) use claims::Claims;
pub(crate) use ranges::addresses;
use reviews::Review;
use serde_json::json;
use std::sync::Arc;

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

    /// A finalizer that every object gets when it is deleted.
    fn deletion_finalizer(&self) -> Option<&'static str> {
        None
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

    /// Whether objects of this kind claim anything: the methods below.
    fn claims(&self) -> bool {
        false
    }

    /// Chooses what a new object needs for itself alone.
    ///
    /// # Errors
    /// If what it asks for cannot be had by anybody.
    fn claim_create(&self, _server: &Server, _object: &mut Value, _dry_run: bool) -> ApiResult<Claims> {
        Ok(Claims::default())
    }

    /// The same for a change.
    ///
    /// # Errors
    /// If what it asks for cannot be had by anybody.
    fn claim_update(&self, _server: &Server, _new: &mut Value, _old: &Value, _dry_run: bool) -> ApiResult<Claims> {
        Ok(Claims::default())
    }

    /// The keys of what an object holds, given back with its deletion.
    fn claimed(&self, _object: &Value) -> Vec<String> {
        Vec::new()
    }
}

/// Answers requests that the generic handlers cannot.
#[async_trait]
pub trait Handler: Send + Sync {
    async fn call(&self, server: &Server, call: &Call<'_>, verb: &str, body: Value) -> ApiResult<Written>;

    /// All of them, for kinds that are made up when somebody asks.
    ///
    /// # Errors
    /// 405 unless the kind is one of these.
    async fn list(&self, _server: &Server, _call: &Call<'_>, _params: &ListParams) -> ApiResult<Listed> {
        Err(ApiError::new(Reason::MethodNotAllowed, "the server does not allow this method on the requested resource"))
    }
}

/// Answered by [`crate::streams`].
const STREAMS: [(&str, &str, &str); 4] =
    [("", "pods", "log"), ("", "pods", "exec"), ("", "pods", "attach"), ("", "pods", "portforward")];

/// Answered by [`crate::proxy`].
const PROXIES: [(&str, &str); 3] = [("", "nodes"), ("", "pods"), ("", "services")];

/// A line of a table.
type Row<K, T> = (K, Box<T>);

/// The two tables. Keys: `(group, resource)` and `(group, resource, subresource)`.
pub struct Special {
    habits: Vec<Row<(&'static str, &'static str), dyn Habit>>,
    handlers: Vec<Row<(&'static str, &'static str, &'static str), dyn Handler>>,
}

impl Special {
    /// Both tables. A resource more is a line here.
    pub fn builtin(config: &Config) -> Self {
        const AUTHENTICATION: &str = "authentication.k8s.io";
        const AUTHORIZATION: &str = "authorization.k8s.io";
        let habits: Vec<Row<(&str, &str), dyn Habit>> = vec![
            (("", "namespaces"), Box::new(lifecycles::Namespaces)),
            (("", "pods"), Box::new(lifecycles::Pods)),
            (("", "services"), Box::new(services::Services::new(config))),
            (("", "serviceaccounts"), Box::new(lifecycles::ReturnsDeleted)),
            (("", "persistentvolumes"), Box::new(lifecycles::ReturnsDeleted)),
            (("", "persistentvolumeclaims"), Box::new(lifecycles::ReturnsDeleted)),
            (("apiextensions.k8s.io", "customresourcedefinitions"), Box::new(lifecycles::Definitions)),
            (("batch", "jobs"), Box::new(lifecycles::Jobs)),
        ];
        let handlers: Vec<Row<(&str, &str, &str), dyn Handler>> = vec![
            (("", "pods", "binding"), Box::new(binding::Binding)),
            (("", "pods", "eviction"), Box::new(eviction::Eviction)),
            (("", "namespaces", "finalize"), Box::new(finalize::Finalize)),
            (("", "serviceaccounts", "token"), Box::new(token::Token)),
            (("metrics.k8s.io", "nodes", ""), Box::new(metrics::Metrics::Nodes)),
            (("metrics.k8s.io", "pods", ""), Box::new(metrics::Metrics::Pods)),
            ((AUTHENTICATION, "tokenreviews", ""), Box::new(Review::Token)),
            ((AUTHENTICATION, "selfsubjectreviews", ""), Box::new(Review::SelfSubject)),
            ((AUTHORIZATION, "subjectaccessreviews", ""), Box::new(Review::SubjectAccess)),
            ((AUTHORIZATION, "selfsubjectaccessreviews", ""), Box::new(Review::SelfSubjectAccess)),
            ((AUTHORIZATION, "localsubjectaccessreviews", ""), Box::new(Review::LocalSubjectAccess)),
            ((AUTHORIZATION, "selfsubjectrulesreviews", ""), Box::new(Review::SelfSubjectRules)),
        ];
        Self { habits, handlers }
    }

    /// The one kind whose objects claim numbers: Services.
    pub fn claiming(&self) -> Option<&dyn Habit> {
        self.habits.iter().map(|(_, habit)| habit.as_ref()).find(|habit| habit.claims())
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

    /// Whether a subresource leads to a server in the cluster.
    pub fn is_proxy(&self, resource: &Resource, subresource: &str) -> bool {
        let gvr = &resource.gvr;
        subresource == "proxy" && PROXIES.iter().any(|(group, plural)| *group == gvr.group && *plural == gvr.resource)
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

/// Puts a condition into an object's status, in the place of one of its type.
fn set_condition(object: &mut Value, condition: Value) {
    if !object["status"].is_object() {
        object["status"] = json!({});
    }
    let conditions = &mut object["status"]["conditions"];
    match conditions.as_array_mut() {
        Some(list) => {
            list.retain(|own| own["type"] != condition["type"]);
            list.push(condition);
        }
        None => *conditions = json!([condition]),
    }
}

/// The answer of a special subresource that has none: a Status.
fn success(code: u16) -> ApiResult<Written> {
    answered(&json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}))
}

/// A document as an answer, 201.
fn answered(value: &Value) -> ApiResult<Written> {
    let object = Object::from_value(value).map_err(ApiError::internal)?;
    Ok(Written { object: Arc::new(object), created: true })
}
