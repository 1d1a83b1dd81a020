//! One version of a custom kind, as the generic handlers use it.

use crate::resource::{ScalePaths, Sub};
use apimachinery::table::ColumnDefinition;
use apimachinery::{Problems, Value};
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
    /// The text for clients of a deprecated version.
    pub deprecated: Option<String>,
}

impl CustomVersion {
    pub fn schema(&self) -> SchemaRef<'_> {
        self.structural.as_ref().map_or(SchemaRef::Any, SchemaRef::Custom)
    }

    pub fn subresource(&self, name: &str) -> Option<Sub> {
        match name {
            "status" if self.has_status => Some(Sub::Status),
            "scale" => self.scale.clone().map(Sub::Scale),
            _ => None,
        }
    }

    pub fn set_defaults(&self, _object: &mut Value) {}

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

    pub fn prepare_status(&self, new: &mut Value, old: &Value) {
        prepare::keep_all_but_status(new, old);
    }

    pub fn validate(&self, _object: &Value, _problems: &mut Problems) {}

    pub fn validate_update(&self, _new: &Value, _old: &Value, _problems: &mut Problems) {}

    pub fn column_definitions(&self) -> Vec<ColumnDefinition> {
        let column = |name: &str, kind: &str, format: &str| ColumnDefinition {
            name: name.to_owned(),
            kind: kind.to_owned(),
            format: format.to_owned(),
            description: String::new(),
            priority: 0,
        };
        vec![column("Name", "string", "name"), column("Age", "date", "")]
    }

    pub fn cells(&self, object: &Value, now: &Now) -> Vec<Value> {
        vec![object["metadata"]["name"].clone(), (kinds::cells::AGE.cell)(object, now)]
    }

    pub fn warning(&self) -> Option<String> {
        self.deprecated.clone()
    }

    /// What a stored object gains when it is read in this version.
    pub fn read(&self, object: &mut Value) {
        self.set_defaults(object);
    }

    /// Whether reading in the stored version changes nothing.
    pub fn reads_stored_bytes(&self) -> bool {
        true
    }
}
