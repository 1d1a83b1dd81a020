//! One version of a custom kind, as the generic handlers use it.

use super::json_path::JsonPath;
use crate::resource::{ScalePaths, Sub};
use apimachinery::problems::Problem;
use apimachinery::table::ColumnDefinition;
use apimachinery::{Problems, Value, strict};
use kinds::def::Now;
use kinds::prepare;
use schema::{SchemaRef, Structural};
use std::sync::Arc;

/// The facts of one served version of a CustomResourceDefinition.
#[derive(Default)]
pub struct CustomVersion {
    /// None: anything goes.
    pub structural: Option<Structural>,
    /// The `openAPIV3Schema` as written.
    pub document: Option<Arc<Value>>,
    pub has_status: bool,
    pub scale: Option<ScalePaths>,
    pub columns: Vec<Column>,
    /// The text for clients of a deprecated version.
    pub deprecated: Option<String>,
    /// `.spec.versions[].storage`
    pub is_stored: bool,
    /// The definition's revision: objects written after it were pruned and defaulted by this very schema.
    pub since: u64,
}

pub struct Column {
    pub definition: ColumnDefinition,
    /// None: not of the language we know; the cell stays empty.
    pub path: Option<JsonPath>,
}

impl CustomVersion {
    pub fn schema(&self) -> SchemaRef<'_> {
        self.structural.as_ref().map_or(SchemaRef::Any, Structural::view)
    }

    pub fn subresource(&self, name: &str) -> Option<Sub> {
        match name {
            "status" if self.has_status => Some(Sub::Status),
            "scale" => self.scale.clone().map(Sub::Scale),
            _ => None,
        }
    }

    /// Drops what the schema does not know; returns it as `unknown field "spec.x"`.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let Some(structural) = &self.structural else { return Vec::new() };
        structural.prune(object).iter().map(|path| strict::unknown_field(path)).collect()
    }

    pub fn set_defaults(&self, object: &mut Value) {
        if let Some(structural) = &self.structural {
            structural.set_defaults(object);
        }
    }

    pub fn prepare_create(&self, object: &mut Value) {
        if self.has_status {
            prepare::drop_status(object);
        }
    }

    pub fn prepare_update(&self, new: &mut Value, old: &Value) {
        if self.has_status {
            prepare::keep_status(new, old);
        }
    }

    /// Of metadata the status subresource changes nothing, in custom resources.
    pub fn prepare_status(&self, new: &mut Value, old: &Value) {
        let status = new.get("status").cloned();
        let revision = new["metadata"]["resourceVersion"].clone();
        let managed = new["metadata"]["managedFields"].clone();
        *new = old.clone();
        match status {
            Some(status) => new["status"] = status,
            None => prepare::drop_status(new),
        }
        for (field, value) in [("resourceVersion", revision), ("managedFields", managed)] {
            apimachinery::meta::set(new, field, value);
        }
    }

    pub fn validate(&self, object: &Value, problems: &mut Problems) {
        let mut findings = Vec::new();
        if let Some(structural) = &self.structural {
            structural.validate(object, &mut findings);
        }
        for finding in findings {
            problems.add(Problem { reason: finding.reason, field: finding.field, message: finding.message });
        }
    }

    pub fn column_definitions(&self) -> Vec<ColumnDefinition> {
        let name = kinds::cells::NAME;
        let first = ColumnDefinition {
            name: name.name.to_owned(),
            kind: name.kind.to_owned(),
            format: name.format.to_owned(),
            description: name.description.to_owned(),
            priority: 0,
        };
        std::iter::once(first).chain(self.columns.iter().map(|column| column.definition.clone())).collect()
    }

    pub fn cells(&self, object: &Value, now: &Now) -> Vec<Value> {
        let cell = |column: &Column| {
            let found = column.path.as_ref().and_then(|path| path.first(object));
            found.map_or(Value::Null, |value| cell(&column.definition.kind, value, now))
        };
        std::iter::once(object["metadata"]["name"].clone()).chain(self.columns.iter().map(cell)).collect()
    }

    pub fn warning(&self) -> Option<String> {
        self.deprecated.clone()
    }
}

/// Upstream: `apiextensions-apiserver/pkg/registry/customresource/tableconvertor`.
fn cell(kind: &str, value: &Value, now: &Now) -> Value {
    match (kind, value) {
        ("string", Value::String(_)) => value.clone(),
        ("string", other) => other.to_string().into(),
        ("integer", Value::Number(number)) => {
            number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)).map_or(Value::Null, Value::from)
        }
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) => match apimachinery::time::parse_seconds(text) {
            Some(_) => apimachinery::time::age(text, now.0).into(),
            None => "<invalid>".into(),
        },
        _ => Value::Null,
    }
}
