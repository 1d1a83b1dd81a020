//! What is true of one kind and of no other, as one record.

use crate::cells;
use apimachinery::{Problems, Value};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subresource {
    Status,
    /// `autoscaling/v1` Scale over these JSON pointers; the selector is written as a text.
    Scale {
        spec_replicas: &'static str,
        status_replicas: &'static str,
        selector: &'static str,
    },
    /// Served by code of the API server found by group, resource and this name (`binding`, `log`, `exec`, `token`...).
    /// `kind` is `(group, version, kind)` of the body as discovery names it.
    Special {
        name: &'static str,
        kind: (&'static str, &'static str, &'static str),
        verbs: &'static [&'static str],
    },
}

/// A column of `kubectl get`. Upstream: `pkg/printers/internalversion/printers.go`.
pub struct Column {
    pub name: &'static str,
    /// `string`, `integer`, `boolean`, `date`.
    pub kind: &'static str,
    /// `name` for the name column, else empty.
    pub format: &'static str,
    /// 0 is always shown, 1 only with `-o wide`.
    pub priority: i32,
    pub description: &'static str,
    pub cell: fn(&Value, &Now) -> Value,
}

/// The moment of a request, for ages in tables: seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Now(pub i64);

/// Upstream's "strategy": what a client may not set is put right before validation.
pub struct Prepare {
    /// Drops what only the system sets (usually `status`).
    pub create: fn(&mut Value),
    /// Keeps the old values of what this way of writing must not change (usually `status`).
    pub update: fn(new: &mut Value, old: &Value),
    /// The same for a write of the status subresource (usually keeps `spec` and most metadata).
    pub status: fn(new: &mut Value, old: &Value),
}

/// Answer of a deprecated version, as a `Warning:` header.
pub struct Deprecated {
    /// `v1.21`
    pub since: &'static str,
    /// `v1.25`; empty if it stays for good.
    pub removed: &'static str,
    /// `batch/v1 CronJob`
    pub replacement: &'static str,
}

/// A special subresource that is another way to write a part of the object (`ephemeralcontainers`).
pub struct Part {
    /// Of the subresource.
    pub name: &'static str,
    /// Keeps the old values of all other parts.
    pub prepare: fn(new: &mut Value, old: &Value),
    /// Stands in for [`KindDef::validate_update`].
    pub validate_update: fn(new: &Value, old: &Value, &mut Problems),
}

pub struct KindDef {
    /// Empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub short_names: &'static [&'static str],
    pub categories: &'static [&'static str],
    pub scope: Scope,
    /// Name in the schema table, `io.k8s.api.core.v1.Pod`.
    pub schema: &'static str,
    /// Discovery's verbs. Kinds with only `create` (reviews) are not stored; code of the API server answers them.
    pub verbs: &'static [&'static str],
    pub subresources: &'static [Subresource],
    pub columns: &'static [Column],
    /// Field selectors beyond metadata.name and metadata.namespace: label and JSON pointer into the stored form (or
    /// several, by `|`: the first that leads to something counts). Versions that share a place share them.
    pub selectable: &'static [(&'static str, &'static str)],
    /// Where objects are kept: `(group, plural)` and version of the stored form. Two served versions of one kind
    /// (batch/v1 and v1beta1 CronJob, core and events.k8s.io Event) share a place.
    pub stored_as: (&'static str, &'static str, &'static str),
    /// Turns this version into the stored one and back. Identity but for apiVersion where nothing else differs.
    pub to_stored: fn(&mut Value),
    pub from_stored: fn(&mut Value),
    pub deprecated: Option<Deprecated>,
    /// Whether a change of anything but metadata and status raises `metadata.generation`.
    pub generation: bool,
    /// Whether a PUT of what does not exist makes it. Upstream: `AllowCreateOnUpdate`.
    pub create_on_update: bool,
    /// Objects delete themselves after this time (Events: one hour).
    pub ttl: Option<Duration>,
    /// Upstream: `zz_generated.defaults.go`. Idempotent.
    pub set_defaults: fn(&mut Value),
    pub prepare: Prepare,
    /// Says all that is wrong at once, in upstream's words. Metadata is checked elsewhere, but for the name's rule.
    pub validate: fn(&Value, &mut Problems),
    pub validate_update: fn(new: &Value, old: &Value, &mut Problems),
    /// Rules of special subresources that write the object itself.
    pub parts: &'static [Part],
    /// The rule of `metadata.name`.
    pub name_rule: NameRule,
}

impl KindDef {
    /// A stored, namespaced kind with the usual verbs and nothing of its own. `schema` is the name in the schema table.
    pub const fn new(
        (group, version, kind): (&'static str, &'static str, &'static str),
        (plural, singular): (&'static str, &'static str),
        schema: &'static str,
    ) -> Self {
        Self {
            group,
            version,
            kind,
            plural,
            singular,
            short_names: &[],
            categories: &[],
            scope: Scope::Namespaced,
            schema,
            verbs: ALL_VERBS,
            subresources: &[],
            columns: &[cells::NAME, cells::AGE],
            selectable: &[],
            stored_as: (group, plural, version),
            to_stored: keep,
            from_stored: keep,
            deprecated: None,
            generation: false,
            create_on_update: false,
            ttl: None,
            set_defaults: keep,
            prepare: Prepare::NOTHING,
            validate: accept,
            validate_update: accept_update,
            parts: &[],
            name_rule: NameRule::Subdomain,
        }
    }

    /// The rules of a subresource that writes a part of the object.
    pub fn part(&self, subresource: &str) -> Option<&'static Part> {
        self.parts.iter().find(|part| part.name == subresource)
    }

    /// The text of the `Warning:` header of a deprecated version.
    pub fn warning(&self) -> Option<String> {
        let Deprecated { since, removed, replacement } = self.deprecated.as_ref()?;
        let slash = if self.group.is_empty() { "" } else { "/" };
        let kind = format!("{}{slash}{} {}", self.group, self.version, self.kind);
        let end = if removed.is_empty() { String::new() } else { format!(", unavailable in {removed}+") };
        Some(format!("{kind} is deprecated in {since}+{end}; use {replacement}"))
    }

    /// Whether finalizers must be qualified (`example.com/x`) or upstream's own. The server of definitions, which is
    /// another program upstream, does not look.
    pub fn qualified_finalizers(&self) -> bool {
        self.group != "apiextensions.k8s.io"
    }

    /// Whether objects of this kind are kept. Reviews are questions with an answer, never stored.
    pub const fn is_stored(&self) -> bool {
        self.verbs.len() > 1
    }
}

/// What a stored kind can do, in discovery's order.
pub const ALL_VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// What a review can do.
pub const CREATE_ONLY: &[&str] = &["create"];

fn keep(_: &mut Value) {}
fn accept(_: &Value, _: &mut Problems) {}
fn accept_update(_: &Value, _: &Value, _: &mut Problems) {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// RFC 1123 subdomain, 253 characters.
    Subdomain,
    /// RFC 1123 label, 63 characters.
    Label,
    /// RFC 1035 label (Services).
    Rfc1035Label,
    /// Path segment: anything but `.`, `..`, `/` and `%` (RBAC kinds).
    PathSegment,
}
