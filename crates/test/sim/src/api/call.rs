//! A call of the API as drivers make it, and what becomes of it.

use super::Api;
use apimachinery::patch::PatchType;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Value};
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub enum Verb {
    Create { namespace: String, body: Value },
    Update { subresource: &'static str, body: Value },
    Patch { namespace: String, name: String, subresource: &'static str, kind: PatchType, body: Value },
    Delete(Delete),
    Bind { namespace: String, name: String, uid: String, node: String },
    Finalize { body: Value },
}

#[derive(Debug, Clone, Default)]
pub struct Delete {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub revision: Option<u64>,
    /// The revision is that of the job's last answer.
    pub after_last: bool,
    pub propagation: Option<&'static str>,
    pub grace_seconds: Option<i64>,
}

/// What counts as done although the API refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    Nothing,
    Gone,
    /// Or another object has the name.
    GoneOrOther,
    Exists,
    /// As the controllers' driver takes the answer to a delete.
    Deletion,
}

#[derive(Debug, Clone)]
pub struct Call {
    pub of: &'static Gvr,
    pub verb: Verb,
    pub tolerance: Tolerance,
    /// Calls with the same number run side by side: one that fails does not hold up the others.
    pub batch: usize,
}

/// What a call came to.
#[derive(Debug, Clone)]
pub enum Answer {
    Object(Arc<Object>),
    Nothing,
}

impl Call {
    pub fn new(of: &'static Gvr, verb: Verb) -> Self {
        Self { of, verb, tolerance: Tolerance::Nothing, batch: usize::MAX }
    }

    pub fn tolerating(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    pub fn patch(of: &'static Gvr, object: &Object, subresource: &'static str, kind: PatchType, body: Value) -> Self {
        let (namespace, name) = (object.head.namespace.clone(), object.head.name.clone());
        Self::new(of, Verb::Patch { namespace, name, subresource, kind, body })
    }

    /// Of this very object.
    pub fn delete(of: &'static Gvr, object: &Object) -> Self {
        let head = &object.head;
        let (namespace, name, uid) = (head.namespace.clone(), head.name.clone(), head.uid.clone());
        Self::new(of, Verb::Delete(Delete { namespace, name, uid, ..Delete::default() }))
    }
}

impl Api {
    /// # Errors
    /// The API's, but for what the call tolerates. `last`: the revision of the job's last answer.
    pub fn call(&mut self, call: &Call, last: u64, who: &str) -> ApiResult<Answer> {
        let result = match &call.verb {
            Verb::Create { namespace, body } => self.create(call.of, namespace, body.clone(), who),
            Verb::Update { subresource, body } => self.update(call.of, subresource, body, who),
            Verb::Patch { namespace, name, subresource, kind, body } => {
                self.patch(call.of, (namespace, name), subresource, *kind, body, who)
            }
            Verb::Delete(delete) => return self.tolerant_delete(call, delete, last, who),
            Verb::Bind { namespace, name, uid, node } => self.bind((namespace, name), uid, node, who),
            Verb::Finalize { body } => self.finalize(body, who),
        };
        match result {
            Ok(object) => Ok(Answer::Object(object)),
            Err(error) if tolerates(call.tolerance, &error) => Ok(Answer::Nothing),
            Err(error) => Err(error),
        }
    }

    fn tolerant_delete(&mut self, call: &Call, delete: &Delete, last: u64, who: &str) -> ApiResult<Answer> {
        let mut delete = delete.clone();
        if delete.after_last {
            delete.revision = Some(last);
        }
        let Err(error) = self.delete(call.of, &delete, who) else { return Ok(Answer::Nothing) };
        if call.tolerance == Tolerance::Deletion && error.is_conflict() {
            let found = self.get(call.of, &delete.namespace, &delete.name);
            let lives = found.is_ok_and(|object| object.head.uid == delete.uid && !object.head.is_deleting());
            return if lives { Err(error) } else { Ok(Answer::Nothing) };
        }
        if tolerates(call.tolerance, &error) { Ok(Answer::Nothing) } else { Err(error) }
    }

    fn bind(&mut self, (namespace, name): (&str, &str), uid: &str, node: &str, who: &str) -> ApiResult<Arc<Object>> {
        let pods = &kinds::resources::PODS;
        let now = apimachinery::time::format_seconds(self.now.secs());
        self.change(pods, (namespace, name), "binding", &format!("{who} bind"), &mut |old| {
            let is_bound = old["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
            if is_bound || apimachinery::meta::deletion_timestamp(old).is_some() {
                return Err(ApiError::conflict(pods, name, "it is bound or being deleted"));
            }
            let mut new = old.clone();
            apimachinery::meta::remove(&mut new, "resourceVersion");
            apimachinery::meta::set(&mut new, "uid", uid);
            new["spec"]["nodeName"] = node.into();
            let mut conditions = new["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.retain(|condition| condition["type"] != "PodScheduled");
            conditions.push(json!({
                "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now,
            }));
            new["status"]["conditions"] = conditions.into();
            Ok(new)
        })
    }

    fn finalize(&mut self, body: &Value, who: &str) -> ApiResult<Arc<Object>> {
        let name = apimachinery::meta::name(body).to_owned();
        let of = &kinds::resources::NAMESPACES;
        self.change(of, ("", &name), "finalize", &format!("{who} finalize"), &mut |old| {
            let mut new = old.clone();
            for field in ["uid", "resourceVersion"] {
                apimachinery::meta::set(&mut new, field, body["metadata"][field].clone());
            }
            new["spec"]["finalizers"] = body["spec"]["finalizers"].clone();
            Ok(new)
        })
    }
}

fn tolerates(tolerance: Tolerance, error: &ApiError) -> bool {
    match tolerance {
        Tolerance::Nothing => false,
        Tolerance::Gone | Tolerance::Deletion => error.is_not_found(),
        Tolerance::GoneOrOther => error.is_not_found() || error.is_conflict(),
        Tolerance::Exists => error.is_already_exists(),
    }
}
