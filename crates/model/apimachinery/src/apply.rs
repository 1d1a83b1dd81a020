//! Server-side apply: who set which field, and what follows from it.
//!
//! Every write is recorded ([`update`]); an apply merges a document, removes what its manager no longer applies, and
//! refuses to take others' fields ([`apply`]). Managers of other API versions of a kind are taken to mean the same
//! fields by the same names.
//!
//! Upstream: `sigs.k8s.io/structured-merge-diff`, `apimachinery/pkg/util/managedfields`.

mod check;
mod compare;
mod fieldset;
mod last_applied;
mod managed;
mod merge;
mod typed;

pub use fieldset::FieldSet;
pub use typed::to_field_set;

use crate::{ApiError, Problems, Reason, Value, meta};
use compare::{Comparison, compare};
use managed::{Entry, Managed, stripped};
use schema::SchemaRef;
use serde_json::json;
use std::collections::HashSet;

/// The manager of what was there before the first apply of an object nobody had recorded.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// Upstream: `FieldManagerMaxLength`.
const MANAGER_MAX: usize = 128;

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
    /// Others own fields the patch would change; `force` takes them. Sorted by manager, then path.
    Conflicts(Vec<Conflict>),
    /// The patch is no document to apply.
    Invalid(String),
    /// The patch does not fit the schema.
    Untyped(String),
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
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Invalid(why) => Self::bad_request(why),
            // Upstream has no status of its own for it.
            ApplyError::Untyped(why) => Self::new(Reason::Unknown, why),
            ApplyError::Conflicts(conflicts) => conflict_error(&conflicts),
        }
    }
}

/// What is wrong with a manager's name in the parameter `fieldManager`.
pub fn validate_manager(manager: &str, problems: &mut Problems) {
    check_manager(manager, "fieldManager", problems);
}

pub(crate) fn check_manager(manager: &str, field: &str, problems: &mut Problems) {
    if manager.len() > MANAGER_MAX {
        problems.too_long(field, MANAGER_MAX);
    }
    for (at, character) in manager.char_indices() {
        if character.is_control() || (character.is_whitespace() && character != ' ') {
            let why = format!("invalid character U+{:04X} (at position {at})", u32::from(character));
            problems.invalid(field, manager, &why);
        }
    }
}

/// Records in `new.metadata.managedFields` what a create (`live` is None), update or patch changed. Call it after
/// defaulting and the kind's preparation, before validation.
///
/// Managed fields a client sent count (a single empty entry clears them), but not in a subresource. A write that
/// changes nothing leaves the entries as they are.
pub fn update(live: Option<&Value>, new: &mut Value, schema: SchemaRef<'_>, writer: &Writer<'_>) {
    let sent = meta::metadata_mut(new).remove("managedFields").unwrap_or_default();
    let changes = update_changes(live, new, schema, writer);
    let stored = live.map_or(&Value::Null, |live| &live["metadata"]["managedFields"]);
    if changes.is_same() && !stored.is_null() && (*stored == sent || sent.is_null()) {
        meta::set(new, "managedFields", stored.clone());
        return;
    }
    let mut managed = Managed::of_write(live, sent, writer);
    record_update(changes, writer, &mut managed);
    managed.cap();
    managed.store(new);
}

fn update_changes(live: Option<&Value>, new: &Value, schema: SchemaRef<'_>, writer: &Writer<'_>) -> Comparison {
    let nothing = json!({});
    compare(live.unwrap_or(&nothing), new, schema).without(&FieldSet::of_fields(writer.reset))
}

fn record_update(changes: Comparison, writer: &Writer<'_>, managed: &mut Managed) {
    let taken = changes.modified.joined(changes.added);
    managed.forget(&taken);
    managed.forget(&changes.removed);
    let own = stripped(taken);
    if !own.is_empty() {
        managed.put(Entry::of_writer(writer, false, own));
    }
}

/// Applies `patch` to `live` (None: the object is to be created) and returns the document to default, validate and
/// store. Nothing changed means that the result equals `live`, so that nothing needs writing.
///
/// # Errors
/// Conflicts (unless `force`), or an invalid patch.
pub fn apply(
    live: Option<&Value>,
    patch: &Value,
    schema: SchemaRef<'_>,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    check_patch(patch, schema, patch["kind"].as_str().unwrap_or_default(), writer)?;
    let empty = json!({"apiVersion": patch["apiVersion"], "kind": patch["kind"]});
    let stored = live.unwrap_or(&empty);
    let mut before = stored.clone();
    meta::remove(&mut before, "managedFields");
    let mut managed = Managed::of(stored);
    if live.is_some() && managed.entries.is_empty() {
        let unknown = Writer { manager: BEFORE_FIRST_APPLY, subresource: "", reset: &[], ..*writer };
        record_update(update_changes(None, &before, schema, &unknown), &unknown, &mut managed);
    }
    let request = Request { before: &before, patch, schema, writer };
    let applied = match request.run(managed.clone(), force) {
        Err(ApplyError::Conflicts(conflicts)) => match request.real_conflicts(conflicts) {
            left if left.is_empty() => request.run(managed, true),
            left => Err(ApplyError::Conflicts(left)),
        },
        outcome => outcome,
    }?;
    Ok(applied.finish(stored, patch, live.is_some()))
}

/// One apply, with the entries taken off the object.
struct Request<'a> {
    before: &'a Value,
    patch: &'a Value,
    schema: SchemaRef<'a>,
    writer: &'a Writer<'a>,
}

struct Applied {
    document: Value,
    managed: Managed,
    /// Whether the document or its owners changed at all.
    changed: bool,
    refresh_last_applied: bool,
}

impl Request<'_> {
    fn run(&self, mut managed: Managed, force: bool) -> Result<Applied, ApplyError> {
        let reset = FieldSet::of_fields(self.writer.reset);
        let last = managed.take_applied(self.writer);
        let wanted = stripped(to_field_set(self.patch, self.schema)).recursive_difference(&reset);
        let mut document = merge::merge(self.before, self.patch, self.schema);
        if let Some(last) = &last {
            document = self.prune(document, &last.set(), &wanted, &managed);
        }
        let changes = compare(self.before, &document, self.schema).without(&reset);
        let taken = changes.modified.union(&changes.added);
        let conflicts = conflicts(&managed, &taken);
        if !force && !conflicts.is_empty() {
            return Err(ApplyError::Conflicts(conflicts));
        }
        managed.forget(&taken);
        managed.forget(&changes.removed);
        let same_owner =
            last.as_ref().is_some_and(|last| *last.set() == wanted && last.api_version == self.writer.api_version);
        let changed = !same_owner || !only_system(&changes);
        if !wanted.is_empty() {
            let mut entry = Entry::of_writer(self.writer, true, wanted);
            if !changed && let Some(last) = last {
                entry.time = last.time;
            }
            managed.put(entry);
        }
        let refresh_last_applied = self.writer.manager == last_applied::MANAGER;
        Ok(Applied { document, managed, changed, refresh_last_applied })
    }

    /// Removes what this manager applied last time and does not apply now, unless somebody owns it.
    fn prune(&self, merged: Value, last: &FieldSet, wanted: &FieldSet, others: &Managed) -> Value {
        if last.is_subset(wanted) {
            return merged;
        }
        let named = |set: &FieldSet| typed::with_named_fields(set, self.schema);
        let last = named(last);
        let all = named(&to_field_set(&merged, self.schema));
        let bare = typed::remove(merged.clone(), &last, self.schema).unwrap_or_else(|| json!({}));
        let kept = named(&to_field_set(&bare, self.schema)).union(&named(&others.union().union(wanted)));
        let pruned = typed::remove(merged.clone(), &all.difference(&kept), self.schema).unwrap_or_else(|| json!({}));
        // What nobody owns but this manager never applied stays too.
        let left = named(&to_field_set(&pruned, self.schema));
        // Identity is nobody's, so nobody's giving up removes it.
        let gone = stripped(all.difference(&left).intersection(&last));
        typed::remove(merged, &gone, self.schema).unwrap_or_else(|| json!({}))
    }

    /// Conflicts but those about fields a client-side `kubectl apply` had set.
    fn real_conflicts(&self, conflicts: Vec<Conflict>) -> Vec<Conflict> {
        if self.writer.manager != last_applied::MANAGER {
            return conflicts;
        }
        let allowed: HashSet<String> =
            last_applied::unchanged_fields(self.before, self.schema).paths().into_iter().collect();
        conflicts.into_iter().filter(|conflict| !allowed.contains(&conflict.field)).collect()
    }
}

impl Applied {
    fn finish(mut self, stored: &Value, patch: &Value, existed: bool) -> Value {
        if existed && !self.changed {
            let mut same = stored.clone();
            // A precondition the client put into the document still counts.
            for field in ["resourceVersion", "uid"] {
                let wanted = &patch["metadata"][field];
                if !wanted.is_null() {
                    meta::set(&mut same, field, wanted.clone());
                }
            }
            return same;
        }
        if self.refresh_last_applied {
            last_applied::refresh(&mut self.document, patch);
        }
        self.managed.cap();
        self.managed.store(&mut self.document);
        self.document
    }
}

/// Whether nothing changed but what the system sets itself.
fn only_system(changes: &Comparison) -> bool {
    let own = |set: &FieldSet| stripped(set.clone()).is_empty();
    changes.is_same() || (own(&changes.added) && own(&changes.modified) && own(&changes.removed))
}

/// Whether a document can be applied to objects of `kind`.
///
/// # Errors
/// If it is of another version or kind, says who owns what, or does not fit the schema.
pub fn check_patch(patch: &Value, schema: SchemaRef<'_>, kind: &str, writer: &Writer<'_>) -> Result<(), ApplyError> {
    let invalid = |why: String| Err(ApplyError::Invalid(why));
    let text = |field: &str| patch[field].as_str().unwrap_or_default();
    if !patch["metadata"]["managedFields"].is_null() {
        return invalid("metadata.managedFields must be nil".to_owned());
    }
    let version = text("apiVersion");
    if version != writer.api_version {
        let expected = writer.api_version;
        return invalid(format!(
            "Incorrect version specified in apply patch. Specified patch version: {version}, expected: {expected}"
        ));
    }
    let found = text("kind");
    if found != kind {
        return invalid(format!(
            "Incorrect object specified in apply patch. Specified patch kind: {found}, expected: {kind}"
        ));
    }
    check::check(patch, schema).map_err(|why| {
        let (namespace, name) = (meta::namespace(patch), meta::name(patch));
        // Go writes the core group's versions as `/v1`.
        let core = if version.contains('/') { "" } else { "/" };
        ApplyError::Untyped(format!(
            "failed to create typed patch object ({namespace}/{name}; {core}{version}, Kind={kind}): {why}"
        ))
    })
}

fn conflicts(managed: &Managed, taken: &FieldSet) -> Vec<Conflict> {
    if taken.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for entry in &managed.entries {
        let paths = entry.set().intersection(taken).paths();
        found.extend(paths.into_iter().map(|field| Conflict { manager: entry.shown(), field }));
    }
    found.sort_by(|a, b| (&a.manager, &a.field).cmp(&(&b.manager, &b.field)));
    found
}

/// Upstream: `NewConflictError`.
fn conflict_error(conflicts: &[Conflict]) -> ApiError {
    let message = match conflicts {
        [only] => format!("Apply failed with 1 conflict: conflict with {}: {}", only.manager, only.field),
        many => {
            let groups: Vec<String> = many.chunk_by(|a, b| a.manager == b.manager).map(group_text).collect();
            format!("Apply failed with {} conflicts: {}", many.len(), groups.join("\n"))
        }
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|conflict| {
            json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {}", conflict.manager),
                "field": conflict.field,
            })
        })
        .collect();
    ApiError::new(Reason::Conflict, message).with_details(json!({"causes": causes}))
}

fn group_text(group: &[Conflict]) -> String {
    let paths: Vec<String> = group.iter().map(|conflict| format!("\n- {}", conflict.field)).collect();
    format!("conflicts with {}:{}", group[0].manager, paths.concat())
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
