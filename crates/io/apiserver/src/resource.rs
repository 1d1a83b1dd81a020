//! A resource as it is served at this moment: a built-in kind or one version of a custom one, behind one interface.
//!
//! Invariants
//! - Nothing outside of this file asks which of the two it is.
//! - Two served versions of one kind share a [`Place`] in the store; objects are kept in its version only.

use crate::crd::CustomVersion;
use crate::handlers::fit::fit;
use apimachinery::table::ColumnDefinition;
use apimachinery::{GroupVersionKind, GroupVersionResource, Object, Problems, Value};
use kinds::def::{NameRule, Now, Subresource};
use kinds::{KindDef, Scope};
use schema::{SchemaRef, openapi};
use std::sync::Arc;
use std::time::Duration;

/// A resource of one version.
pub struct Resource {
    pub gvr: GroupVersionResource,
    pub gvk: GroupVersionKind,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    pub verbs: Vec<String>,
    pub place: Arc<Place>,
    pub source: Source,
}

/// Where objects of a resource are kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// `/registry/core/pods/`
    pub prefix: String,
    /// `v1`, `apps/v1`: the `apiVersion` of the stored form.
    pub api_version: String,
    /// Field selectors beyond metadata.name and metadata.namespace: label and JSON pointer.
    pub selectable: Vec<(String, String)>,
}

/// What the facts of a resource come from.
pub enum Source {
    Builtin(&'static KindDef),
    Custom(Arc<CustomVersion>),
}

/// A subresource found by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sub {
    Status,
    Scale(ScalePaths),
    Special,
}

/// A subresource as discovery tells it.
pub struct SubresourceInfo {
    pub name: String,
    pub kind: GroupVersionKind,
    pub verbs: Vec<String>,
}

impl SubresourceInfo {
    fn new(name: &str, kind: GroupVersionKind, verbs: &[&str]) -> Self {
        Self { name: name.to_owned(), kind, verbs: verbs.iter().map(|verb| verb.to_string()).collect() }
    }
}

/// JSON pointers of the scale subresource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    pub spec_replicas: String,
    pub status_replicas: String,
    /// Empty where there is none.
    pub selector: String,
}

impl Place {
    pub fn new(group: &str, plural: &str, version: &str, selectable: Vec<(String, String)>) -> Self {
        let folder = if group.is_empty() { "core" } else { group };
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        Self { prefix: format!("/registry/{folder}/{plural}/"), api_version, selectable }
    }

    pub fn key(&self, namespace: &str, name: &str) -> String {
        if namespace.is_empty() {
            format!("{}{name}", self.prefix)
        } else {
            format!("{}{namespace}/{name}", self.prefix)
        }
    }
}

impl Resource {
    pub fn builtin(def: &'static KindDef) -> Self {
        let (group, plural, version) = def.stored_as;
        let selectable = def.selectable.iter().map(|(label, at)| (label.to_string(), at.to_string())).collect();
        Self {
            gvr: GroupVersionResource::of(def.group, def.version, def.plural),
            gvk: GroupVersionKind::of(def.group, def.version, def.kind),
            singular: def.singular.to_owned(),
            short_names: def.short_names.iter().map(|name| name.to_string()).collect(),
            categories: def.categories.iter().map(|name| name.to_string()).collect(),
            namespaced: def.scope == Scope::Namespaced,
            verbs: def.verbs.iter().map(|verb| verb.to_string()).collect(),
            place: Arc::new(Place::new(group, plural, version, selectable)),
            source: Source::Builtin(def),
        }
    }

    /// Kinds with only `create` (reviews) are answered by code and never kept.
    pub fn is_stored(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "get" || verb == "list")
    }

    /// Whether answers about it can be rows of a Table: it, or what a subresource of it takes, is kept.
    pub fn has_rows(&self, subresource: &str) -> bool {
        let own = subresource.is_empty() || self.part(subresource).is_some();
        self.is_stored() && (own || matches!(self.subresource(subresource), Some(Sub::Status | Sub::Scale(_))))
    }

    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    pub fn is_custom(&self) -> bool {
        matches!(self.source, Source::Custom(_))
    }

    /// Whether objects leave the server in the form in which they are kept.
    pub fn is_stored_version(&self) -> bool {
        self.place.api_version == self.gvk.api_version()
    }

    pub fn key(&self, namespace: &str, name: &str) -> String {
        self.place.key(namespace, name)
    }

    pub fn subresource(&self, name: &str) -> Option<Sub> {
        match &self.source {
            Source::Builtin(def) => def.subresources.iter().find_map(|sub| match *sub {
                Subresource::Status if name == "status" => Some(Sub::Status),
                Subresource::Scale { spec_replicas, status_replicas, selector } if name == "scale" => {
                    Some(Sub::Scale(ScalePaths {
                        spec_replicas: spec_replicas.to_owned(),
                        status_replicas: status_replicas.to_owned(),
                        selector: selector.to_owned(),
                    }))
                }
                Subresource::Special { name: known, .. } if known == name => Some(Sub::Special),
                _ => None,
            }),
            Source::Custom(version) => version.subresource(name),
        }
    }

    /// All subresources, as discovery tells them.
    pub fn subresources(&self) -> Vec<SubresourceInfo> {
        let own = |name: &str| SubresourceInfo::new(name, self.gvk.clone(), &["get", "patch", "update"]);
        let scale = || SubresourceInfo::new("scale", crate::handlers::scale::SCALE, &["get", "patch", "update"]);
        match &self.source {
            Source::Builtin(def) => def
                .subresources
                .iter()
                .map(|sub| match *sub {
                    Subresource::Status => own("status"),
                    Subresource::Scale { .. } => scale(),
                    Subresource::Special { name, kind: (group, version, kind), verbs } => {
                        SubresourceInfo::new(name, GroupVersionKind::of(group, version, kind), verbs)
                    }
                })
                .collect(),
            Source::Custom(version) => {
                let status = version.has_status.then(|| own("status"));
                status.into_iter().chain(version.scale.as_ref().map(|_| scale())).collect()
            }
        }
    }

    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    pub fn schema(&self) -> SchemaRef<'_> {
        match &self.source {
            Source::Builtin(def) => schema::builtin(def.schema).unwrap_or(SchemaRef::Any),
            Source::Custom(version) => version.schema(),
        }
    }

    pub fn set_defaults(&self, object: &mut Value) {
        match &self.source {
            Source::Builtin(def) => (def.set_defaults)(object),
            Source::Custom(version) => version.set_defaults(object),
        }
    }

    /// Drops what a client may not set at creation.
    pub fn prepare_create(&self, object: &mut Value) {
        match &self.source {
            Source::Builtin(def) => (def.prepare.create)(object),
            Source::Custom(version) => version.prepare_create(object),
        }
    }

    /// Keeps what an update of the main resource must not change.
    pub fn prepare_update(&self, new: &mut Value, old: &Value) {
        match &self.source {
            Source::Builtin(def) => (def.prepare.update)(new, old),
            Source::Custom(version) => version.prepare_update(new, old),
        }
    }

    /// Keeps what a write of the status subresource must not change.
    pub fn prepare_status(&self, new: &mut Value, old: &Value) {
        match &self.source {
            Source::Builtin(def) => (def.prepare.status)(new, old),
            Source::Custom(version) => version.prepare_status(new, old),
        }
    }

    /// The rules of a special subresource that writes a part of the object itself.
    pub fn part(&self, subresource: &str) -> Option<&'static kinds::def::Part> {
        match &self.source {
            Source::Builtin(def) => def.part(subresource),
            Source::Custom(_) => None,
        }
    }

    pub fn validate(&self, object: &Value, problems: &mut Problems) {
        match &self.source {
            Source::Builtin(def) => (def.validate)(object, problems),
            Source::Custom(version) => version.validate(object, problems),
        }
    }

    pub fn validate_update(&self, new: &Value, old: &Value, problems: &mut Problems) {
        match &self.source {
            Source::Builtin(def) => (def.validate_update)(new, old, problems),
            // Custom resources have no rules between two states but those of metadata.
            Source::Custom(_) => {}
        }
    }

    /// Whether a change of anything but metadata and status raises `metadata.generation`.
    pub fn has_generation(&self) -> bool {
        match &self.source {
            Source::Builtin(def) => def.generation,
            Source::Custom(_) => true,
        }
    }

    /// Whether a PUT of what does not exist makes it.
    pub fn creates_on_update(&self) -> bool {
        matches!(&self.source, Source::Builtin(def) if def.create_on_update)
    }

    /// Whether finalizers must be qualified or upstream's own.
    pub fn qualified_finalizers(&self) -> bool {
        matches!(&self.source, Source::Builtin(def) if def.qualified_finalizers())
    }

    pub fn ttl(&self) -> Option<Duration> {
        match &self.source {
            Source::Builtin(def) => def.ttl,
            Source::Custom(_) => None,
        }
    }

    pub fn name_rule(&self) -> NameRule {
        match &self.source {
            Source::Builtin(def) => def.name_rule,
            Source::Custom(_) => NameRule::Subdomain,
        }
    }

    /// What OpenAPI documents tell of this resource.
    pub fn openapi(&self) -> openapi::Served {
        let sub = |sub: SubresourceInfo| openapi::Subresource {
            name: sub.name,
            kind: (sub.kind.group.into_owned(), sub.kind.version.into_owned(), sub.kind.kind.into_owned()),
            verbs: sub.verbs,
        };
        openapi::Served {
            group: self.gvr.group.to_string(),
            version: self.gvr.version.to_string(),
            kind: self.gvk.kind.to_string(),
            plural: self.gvr.resource.to_string(),
            namespaced: self.namespaced,
            verbs: self.verbs.clone(),
            body: match &self.source {
                Source::Builtin(def) => openapi::Body::Builtin(def.schema.to_owned()),
                Source::Custom(version) => openapi::Body::Custom(version.document.clone()),
            },
            subresources: self.subresources().into_iter().map(sub).collect(),
        }
    }

    /// Headings of `kubectl get`.
    pub fn column_definitions(&self) -> Vec<ColumnDefinition> {
        match &self.source {
            Source::Builtin(def) => def
                .columns
                .iter()
                .map(|column| ColumnDefinition {
                    name: column.name.to_owned(),
                    kind: column.kind.to_owned(),
                    format: column.format.to_owned(),
                    description: column.description.to_owned(),
                    priority: column.priority,
                })
                .collect(),
            Source::Custom(version) => version.column_definitions(),
        }
    }

    /// An object's row under them.
    pub fn cells(&self, object: &Value, now: &Now) -> Vec<Value> {
        match &self.source {
            Source::Builtin(def) => def.columns.iter().map(|column| (column.cell)(object, now)).collect(),
            Source::Custom(version) => version.cells(object, now),
        }
    }

    /// The text of the `Warning:` header of a deprecated version.
    pub fn warning(&self) -> Option<String> {
        match &self.source {
            Source::Builtin(def) => def.warning(),
            Source::Custom(version) => version.warning(),
        }
    }

    /// Turns an object of this version into the stored form.
    pub fn to_stored(&self, object: &mut Value) {
        match &self.source {
            Source::Builtin(def) => (def.to_stored)(object),
            Source::Custom(_) => {}
        }
        object["apiVersion"] = self.place.api_version.clone().into();
    }

    /// Makes a body fit its schema; returns unknown fields as `unknown field "spec.x"`.
    ///
    /// # Errors
    /// If a value has a wrong type: Go's words. Custom resources are checked later, by their own schema.
    pub fn fit(&self, object: &mut Value) -> Result<Vec<String>, String> {
        let Source::Custom(version) = &self.source else { return fit(object, self.schema()) };
        let mut unknown = Vec::new();
        if let (Some(metadata), Some(schema)) = (object.get_mut("metadata"), schema::builtin(OBJECT_META)) {
            let found = fit(metadata, schema)?;
            unknown.extend(found.iter().map(|text| text.replacen('"', "\"metadata.", 1)));
        }
        unknown.extend(version.prune(object));
        if let Some(structural) = version.structural.as_ref().filter(|structural| structural.has_embedded()) {
            let mut wrong = Ok(());
            structural.each_embedded_metadata(object, &mut |path, metadata| {
                let Some(schema) = schema::builtin(OBJECT_META) else { return };
                match fit(metadata, schema) {
                    Ok(found) => unknown.extend(found.iter().map(|text| text.replacen('"', &format!("\"{path}."), 1))),
                    Err(why) => wrong = Err(why),
                }
            });
            wrong?;
        }
        Ok(unknown)
    }

    /// Turns a stored object into this version.
    pub fn from_stored(&self, object: &mut Value) {
        match &self.source {
            Source::Builtin(def) => (def.from_stored)(object),
            Source::Custom(version) => {
                version.prune(object);
                version.set_defaults(object);
            }
        }
        object["apiVersion"] = self.gvk.api_version().into();
    }

    /// The object as this version shows it; the very same bytes where that is how it is kept.
    pub fn shown(&self, object: &Arc<Object>) -> Arc<Object> {
        if self.shows_stored_bytes() {
            return object.clone();
        }
        let current = match &self.source {
            Source::Builtin(_) => true,
            // Older ones may lack defaults of today's schema, and have what it does not know any more.
            Source::Custom(version) => object.head.revision > version.since,
        };
        if current && object.bytes.starts_with(self.opening().as_bytes()) {
            return object.clone();
        }
        let mut value = object.to_value();
        self.from_stored(&mut value);
        Arc::new(Object { bytes: apimachinery::object::encode(&value).into(), head: object.head.clone() })
    }

    /// Whether [`shown`](Self::shown) never changes anything. Of custom kinds objects may be left that were stored in
    /// another version, before the definition changed.
    pub fn shows_stored_bytes(&self) -> bool {
        !self.is_custom() && self.is_stored_version()
    }

    /// How the bytes of an object of this version start.
    fn opening(&self) -> String {
        format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\"", self.gvk.kind, self.gvk.api_version())
    }
}

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
