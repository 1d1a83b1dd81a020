//! DELETE of one object or of a collection: at once, gracefully, or when the finalizers are gone.
//!
//! Upstream: `registry/rest/delete.go`, `registry/generic/registry/store.go` (Delete, DeleteCollection),
//! `endpoints/handlers/delete.go`.

use super::list::Listed;
use super::options::{DeleteParams, ListParams, Propagation};
use super::update::value_of;
use super::write::{Put, finalizers, is_deleting, meta_mut, meta_text, now_text};
use super::{Call, Written};
use crate::admission::Operation;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Object, Value};
use serde_json::json;
use std::sync::Arc;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
/// Tries against concurrent writers, where the client gave no resourceVersion.
const TRIES: usize = 100;

/// What a deletion came to.
#[derive(Debug, Clone)]
pub enum Deleted {
    /// The object is gone: the answer is a Status.
    Status(Value),
    /// The object is marked, or its kind answers with the last state.
    Object { object: Arc<Object>, accepted: bool },
}

/// How an object has to go.
enum Plan {
    /// Already marked; nothing to do now.
    Pending,
    Now,
    /// Write this, the object goes later.
    Mark(Value),
    /// Write nothing more: a grace of zero was asked and nothing holds it.
    Grace0,
}

impl Server {
    /// # Errors
    /// 404; 409 if a precondition does not hold.
    pub async fn delete(&self, call: &Call<'_>, params: &DeleteParams) -> ApiResult<Deleted> {
        for _ in 0..TRIES {
            let current = self.stored(call, None).await?;
            check(call, params, &current)?;
            let old = value_of(call, &current);
            self.admit_final(call, Operation::Delete, &old, Some(&old)).await?;
            match self.plan(call, params, &old) {
                Plan::Pending => {
                    let accepted = params.propagation == Some(Propagation::Foreground);
                    return Ok(Deleted::Object { object: call.resource.shown(&current), accepted });
                }
                Plan::Now | Plan::Grace0 => {
                    if self.remove(call, &old, current.head.revision).await? {
                        return Ok(self.deleted(call, &current, &old));
                    }
                }
                Plan::Mark(new) => match self.put(call, new, current.head.revision).await? {
                    Put::Done(object) => {
                        let accepted = params.propagation == Some(Propagation::Foreground);
                        return Ok(Deleted::Object { object: Written::shown(call, &object, false).object, accepted });
                    }
                    Put::Raced | Put::Taken(..) => {}
                },
            }
            if params.revision.is_some() {
                return Err(ApiError::modified(&call.resource.gvr, call.name));
            }
        }
        Err(ApiError::modified(&call.resource.gvr, call.name))
    }

    /// Deletes what a list selects. Objects that vanish meanwhile are nothing to complain of.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn delete_collection(
        &self,
        call: &Call<'_>,
        list: &ListParams,
        params: &DeleteParams,
    ) -> ApiResult<Listed> {
        let listed = self.list(call, list).await?;
        for object in &listed.items {
            let one = call.for_object(&object.head.namespace, &object.head.name);
            match self.delete(&one, params).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(listed)
    }

    fn plan(&self, call: &Call<'_>, params: &DeleteParams, old: &Value) -> Plan {
        let habit = self.special.habit(&call.resource);
        let mut new = old.clone();
        let graceful = if is_deleting(old) {
            match shorten(params, &mut new) {
                Some(graceful) => graceful,
                None => return Plan::Pending,
            }
        } else {
            match habit.and_then(|habit| habit.grace(old, params.grace_seconds)) {
                Some(seconds) => {
                    mark(&mut new, seconds);
                    Some(seconds)
                }
                None => None,
            }
        };
        let mut keep = self.collector_finalizers(call, params, old);
        let own = habit.and_then(|habit| habit.deletion_finalizer()).filter(|_| !is_deleting(old));
        if let Some(own) = own.filter(|own| !keep.iter().any(|known| known == own)) {
            keep.push(own.to_owned());
        }
        set_finalizers(&mut new, &keep);
        let held = !keep.is_empty() || habit.is_some_and(|habit| habit.holds(&new));
        match graceful {
            Some(seconds) if held || seconds > 0 => Plan::Mark(new),
            Some(_) => Plan::Grace0,
            None if held => {
                if !is_deleting(old) {
                    mark(&mut new, 0);
                }
                if let Some(habit) = habit {
                    habit.mark_deleting(&mut new);
                }
                if new == *old { Plan::Pending } else { Plan::Mark(new) }
            }
            None => Plan::Now,
        }
    }

    /// The finalizers with those of garbage collection as the client's wish says.
    /// Upstream: `deletionFinalizersForGarbageCollection`.
    fn collector_finalizers(&self, call: &Call<'_>, params: &DeleteParams, old: &Value) -> Vec<String> {
        let before = finalizers(old);
        let has = |name: &str| before.iter().any(|own| own == name);
        let default =
            || self.special.habit(&call.resource).map_or(Propagation::Background, |h| h.default_propagation());
        let wish = match params.propagation {
            Some(wish) => wish,
            None if has(ORPHAN) => Propagation::Orphan,
            None if has(FOREGROUND) => Propagation::Foreground,
            None => default(),
        };
        let mut after: Vec<String> =
            before.iter().filter(|own| *own != ORPHAN && *own != FOREGROUND).cloned().collect();
        match wish {
            Propagation::Background => {}
            Propagation::Foreground => after.push(FOREGROUND.to_owned()),
            Propagation::Orphan => after.push(ORPHAN.to_owned()),
        }
        let mut sorted = (before.clone(), after.clone());
        sorted.0.sort();
        sorted.1.sort();
        if sorted.0 == sorted.1 { before } else { after }
    }

    fn deleted(&self, call: &Call<'_>, object: &Arc<Object>, old: &Value) -> Deleted {
        if self.special.habit(&call.resource).is_some_and(|habit| habit.returns_deleted()) {
            return Deleted::Object { object: call.resource.shown(object), accepted: false };
        }
        let mut details =
            json!({"name": object.head.name, "kind": call.resource.gvr.resource, "uid": meta_text(old, "uid")});
        if !call.resource.gvr.group.is_empty() {
            details["group"] = call.resource.gvr.group.to_string().into();
        }
        Deleted::Status(json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
        }))
    }
}

/// Upstream: `BeforeDelete`.
fn check(call: &Call<'_>, params: &DeleteParams, current: &Object) -> ApiResult<()> {
    let refuse = |why: String| Err(ApiError::conflict(&call.resource.gvr, call.name, &why));
    if let Some(uid) = params.uid.as_ref().filter(|uid| **uid != current.head.uid) {
        return refuse(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been \
             deleted and then recreated",
            current.head.uid
        ));
    }
    let revision = current.head.revision.to_string();
    if let Some(wanted) = params.revision.as_ref().filter(|wanted| **wanted != revision) {
        return refuse(format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
             ({revision}). The object might have been modified"
        ));
    }
    Ok(())
}

/// A second delete of a marked object. None: it stays pending. Some: how it goes on.
fn shorten(params: &DeleteParams, new: &mut Value) -> Option<Option<i64>> {
    let grace = new["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    if grace == 0 {
        return Some(None);
    }
    let asked = params.grace_seconds.filter(|asked| *asked < grace)?.max(0);
    let since = meta_text(new, "deletionTimestamp").parse::<jiff::Timestamp>().ok()?;
    let until = since - jiff::SignedDuration::from_secs(grace - asked);
    let meta = meta_mut(new);
    meta.insert("deletionTimestamp".into(), until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
    meta.insert("deletionGracePeriodSeconds".into(), asked.into());
    Some(Some(asked))
}

/// Sets the time at which the object is to be gone.
fn mark(object: &mut Value, seconds: i64) {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds.max(0));
    let text = if seconds == 0 { now_text() } else { until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() };
    let meta = meta_mut(object);
    meta.insert("deletionTimestamp".into(), text.into());
    meta.insert("deletionGracePeriodSeconds".into(), seconds.max(0).into());
    if let Some(generation) = meta.get("generation").and_then(Value::as_i64).filter(|number| *number > 0) {
        meta.insert("generation".into(), (generation + 1).into());
    }
}

fn set_finalizers(object: &mut Value, list: &[String]) {
    let meta = meta_mut(object);
    if list.is_empty() {
        meta.remove("finalizers");
    } else {
        meta.insert("finalizers".into(), json!(list));
    }
}
