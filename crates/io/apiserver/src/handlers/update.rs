//! PUT, and what every change of an existing object goes through.
//!
//! Invariants
//! - A change is made on the newest state and written only if that state is still the newest.
//! - A change that changes nothing writes nothing.
//!
//! Upstream: `registry/rest/update.go`, `registry/generic/registry/store.go` (Update).

use super::write::{Put, finalizers, is_deleting, meta_mut, meta_text, name_of};
use super::{Call, Written, check, fields};
use crate::admission::Operation;
use crate::resource::Sub;
use crate::server::Server;
use crate::special::Claims;
use apimachinery::{ApiError, ApiResult, Object, Reason, Value};
use std::sync::Arc;
use store::Revision;

/// Times a change is made again on a newer state, when the client did not insist on one. Enough for the contention of
/// hundreds of writers of one object; beyond it the client is told.
const TRIES: usize = 100;

/// What became of one try.
enum Wrote {
    Done(Written),
    /// Somebody else wrote first.
    Raced,
    /// A number that was chosen for it was taken, as of this revision.
    Taken(Revision),
}

/// Makes the wanted object out of the current one. Runs again when somebody else wrote in between.
pub(crate) type Change<'a> = dyn FnMut(&Value) -> ApiResult<Value> + Send + 'a;

impl Server {
    /// # Errors
    /// 404, 409 if the body's resourceVersion is not the current one, 422 for an invalid object.
    pub async fn update(&self, call: &Call<'_>, mut object: Value) -> ApiResult<Written> {
        if let Some(Sub::Scale(paths)) = call.resource.subresource(call.subresource) {
            return self.update_scale(call, &paths, object).await;
        }
        check::identity(call, &mut object)?;
        check::name_matches(call, &mut object)?;
        check::body(call, &mut object)?;
        call.resource.set_defaults(&mut object);
        let unconditional = meta_text(&object, "resourceVersion").is_empty();
        let mut wanted = |_: &Value| {
            if call.resource.is_custom() && unconditional {
                let mut problems = apimachinery::Problems::default();
                problems.invalid("metadata.resourceVersion", 0, "must be specified for an update");
                return Err(ApiError::invalid(&call.resource.gvk, name_of(&object), problems.list()));
            }
            Ok(object.clone())
        };
        let changed = self.change(call, fields::Way::Update, &mut wanted).await;
        match changed {
            Err(error) if error.is_not_found() && call.subresource.is_empty() && call.resource.creates_on_update() => {
                self.authorize(call, "create")?;
                self.create(call, object).await
            }
            other => other,
        }
    }

    /// Reads, changes, checks and writes one object.
    pub(crate) async fn change(
        &self,
        call: &Call<'_>,
        way: fields::Way,
        wanted: &mut Change<'_>,
    ) -> ApiResult<Written> {
        for _ in 0..TRIES {
            let current = self.stored(call, None).await?;
            let old = value_of(call, &current);
            let mut new = wanted(&old)?;
            let insists = self.preconditions(call, &new, &current)?;
            self.prepare(call, &mut new, &old, way);
            match self.write_change(call, new, &old, &current).await? {
                Wrote::Done(written) => return Ok(written),
                Wrote::Raced if insists => return Err(ApiError::modified(&call.resource.gvr, call.name)),
                Wrote::Raced => {}
                // The next choice knows of it.
                Wrote::Taken(revision) => self.cache.wait_until(revision).await?,
            }
        }
        Err(ApiError::modified(&call.resource.gvr, call.name))
    }

    /// Whether the client insists on the state it read, and that it is the current one.
    fn preconditions(&self, call: &Call<'_>, new: &Value, current: &Object) -> ApiResult<bool> {
        let uid = meta_text(new, "uid");
        if !uid.is_empty() && uid != current.head.uid {
            let why =
                format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", current.head.uid);
            return Err(ApiError::conflict(&call.resource.gvr, call.name, &why));
        }
        match meta_text(new, "resourceVersion") {
            "" | "0" => Ok(false),
            text if text == current.head.revision.to_string() => Ok(true),
            text => {
                super::options::revision(text)?;
                Err(ApiError::modified(&call.resource.gvr, call.name))
            }
        }
    }

    /// Puts right what this way of writing may not change.
    fn prepare(&self, call: &Call<'_>, new: &mut Value, old: &Value, way: fields::Way) {
        keep_system_fields(new, old);
        match call.resource.subresource(call.subresource) {
            Some(Sub::Status) => call.resource.prepare_status(new, old),
            // Code of our own that knows what it writes.
            Some(Sub::Special) if self.special.handler(&call.resource, call.subresource).is_some() => {}
            _ => match call.resource.part(call.subresource) {
                Some(part) => (part.prepare)(new, old),
                None => call.resource.prepare_update(new, old),
            },
        }
        // Where a pod runs is the scheduler's word, not its owner's: no new generation.
        let by_its_owner = !matches!(call.subresource, "status" | "binding");
        if call.resource.has_generation() && by_its_owner && content_differs(new, old) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            meta_mut(new).insert("generation".into(), generation.into());
        }
        fields::on_update(call, new, old, way);
    }

    /// Writes a prepared object.
    async fn write_change(
        &self,
        call: &Call<'_>,
        mut new: Value,
        old: &Value,
        current: &Arc<Object>,
    ) -> ApiResult<Wrote> {
        self.admit(call, Operation::Update, &mut new, Some(old)).await?;
        if self.special.handler(&call.resource, call.subresource).is_none() {
            check::update(call, &new, old)?;
        }
        let claims = match self.special.habit(&call.resource) {
            Some(habit) => habit.claim_update(self, &mut new, old, call.params.dry_run)?,
            None => Claims::default(),
        };
        self.admit_final(call, Operation::Update, &new, Some(old)).await?;
        if self.is_finished(call, &new, old) {
            let removed = self.remove(call, old, current.head.revision).await?;
            let left = Arc::new(Object::from_value(&new).map_err(ApiError::internal)?);
            return Ok(if removed { Wrote::Done(Written { object: left, created: false }) } else { Wrote::Raced });
        }
        if same(&new, old) {
            return Ok(Wrote::Done(Written::shown(call, current, false)));
        }
        match self.put_claiming(call, new, current.head.revision, &claims).await? {
            Put::Raced => Ok(Wrote::Raced),
            Put::Taken(_, Some(refusal)) => Err(refusal),
            Put::Taken(revision, None) => Ok(Wrote::Taken(revision)),
            Put::Done(stored) => Ok(Wrote::Done(Written::shown(call, &stored, false))),
        }
    }

    /// Whether this write takes away the last thing that held a deleted object. Upstream: `ShouldDeleteDuringUpdate`.
    fn is_finished(&self, call: &Call<'_>, new: &Value, old: &Value) -> bool {
        let held = self.special.habit(&call.resource).is_some_and(|habit| habit.holds(new));
        let grace = old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        is_deleting(old) && finalizers(new).is_empty() && grace == 0 && !held
    }
}

/// A kept object as a document in the version of the request.
pub(crate) fn value_of(call: &Call<'_>, object: &Object) -> Value {
    let mut value = object.to_value();
    if !call.resource.shows_stored_bytes() {
        call.resource.from_stored(&mut value);
    }
    value
}

/// What no update changes, whoever writes. Upstream: `BeforeUpdate`.
fn keep_system_fields(new: &mut Value, old: &Value) {
    const KEPT: [&str; 6] =
        ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "uid", "generation", "generateName"];
    let old_meta = &old["metadata"];
    let meta = meta_mut(new);
    for field in KEPT {
        match old_meta.get(field).filter(|value| !value.is_null()) {
            Some(value) => _ = meta.insert(field.into(), value.clone()),
            None => _ = meta.remove(field),
        }
    }
    match old_meta.get("resourceVersion") {
        Some(revision) => _ = meta.insert("resourceVersion".into(), revision.clone()),
        None => _ = meta.remove("resourceVersion"),
    }
    meta.remove("selfLink");
}

/// Whether anything but metadata and status differs.
fn content_differs(new: &Value, old: &Value) -> bool {
    const ASIDE: [&str; 4] = ["metadata", "status", "kind", "apiVersion"];
    let (Some(new), Some(old)) = (new.as_object(), old.as_object()) else { return false };
    let content = |map: &serde_json::Map<String, Value>| {
        map.iter()
            .filter(|(field, value)| !ASIDE.contains(&field.as_str()) && !value.is_null())
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    content(new) != content(old)
}

/// Equal, but for when fields were last set.
fn same(new: &Value, old: &Value) -> bool {
    new == old
}

/// The refusal of an operation that this resource does not have.
pub fn not_supported(what: &str) -> ApiError {
    ApiError::new(Reason::MethodNotAllowed, format!("{what} is not supported on resources of this kind"))
}
