//! Which objects a list or a watch is about: namespace, name, labels, fields.
//!
//! Invariant: field values were taken out when the object came to its shelf; matching parses nothing.

use super::event::Entry;
use crate::resource::Resource;
use apimachinery::selector::{FieldSelector, LabelSelector};
use apimachinery::{ApiError, ApiResult};

#[derive(Debug, Clone)]
pub struct Selection {
    namespace: String,
    name: String,
    labels: LabelSelector,
    fields: Vec<Test>,
}

#[derive(Debug, Clone)]
struct Test {
    field: Field,
    value: String,
    /// False for `!=`.
    equal: bool,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Namespace,
    /// Of the shelf's selectable fields.
    Nth(usize),
}

impl Selection {
    /// # Errors
    /// 400 for texts that are no selectors, and for fields that cannot be selected by.
    pub fn parse(labels: &str, fields: &str, resource: &Resource) -> ApiResult<Self> {
        let refuse = |why: String| unable(resource, labels, fields, &why);
        let selector = FieldSelector::parse(fields).map_err(|error| ApiError::bad_request(error.to_string()))?;
        let mut tests = Vec::new();
        for term in selector.terms() {
            let field = find(&term.field, resource)
                .ok_or_else(|| refuse(format!("field label not supported: {}", term.field)))?;
            tests.push(Test { field, value: term.value.clone(), equal: term.equal });
        }
        let labels = LabelSelector::parse(labels).map_err(|error| ApiError::bad_request(error.to_string()))?;
        Ok(Self { namespace: String::new(), name: String::new(), labels, fields: tests })
    }

    /// Selects everything.
    pub fn everything() -> Self {
        Self { namespace: String::new(), name: String::new(), labels: LabelSelector::everything(), fields: Vec::new() }
    }

    /// Only objects of this namespace; empty for all.
    pub fn set_namespace(&mut self, namespace: &str) {
        namespace.clone_into(&mut self.namespace);
    }

    /// Only the object of this name; empty for all.
    pub fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// Whether there is no selector (a namespace is none).
    pub fn is_everything(&self) -> bool {
        self.name.is_empty() && self.labels.is_everything() && self.fields.is_empty()
    }

    pub fn matches(&self, entry: &Entry) -> bool {
        let head = &entry.object.head;
        (self.namespace.is_empty() || head.namespace == self.namespace)
            && (self.name.is_empty() || head.name == self.name)
            && self.labels.matches(&head.labels)
            && self.fields.iter().all(|test| test.holds(entry))
    }
}

impl Test {
    fn holds(&self, entry: &Entry) -> bool {
        let value = match self.field {
            Field::Name => entry.object.head.name.as_str(),
            Field::Namespace => entry.object.head.namespace.as_str(),
            Field::Nth(at) => entry.fields.get(at).map_or("", |text| text),
        };
        (value == self.value) == self.equal
    }
}

fn find(label: &str, resource: &Resource) -> Option<Field> {
    match label {
        "metadata.name" => Some(Field::Name),
        "metadata.namespace" if resource.namespaced => Some(Field::Namespace),
        _ => resource.place.selectable.iter().position(|(known, _)| known == label).map(Field::Nth),
    }
}

/// Upstream: `endpoints/handlers/get.go` (ListResource) around the conversion of field labels.
fn unable(resource: &Resource, labels: &str, fields: &str, why: &str) -> ApiError {
    let gvr = &resource.gvr;
    ApiError::bad_request(format!(
        "Unable to find {:?} that match label selector {labels:?}, field selector {fields:?}: {why}",
        format!("{}, Resource={}", gvr_text(&gvr.group, &gvr.version), gvr.resource),
    ))
}

/// Go's text of a group and version: the core group is `/v1`.
fn gvr_text(group: &str, version: &str) -> String {
    format!("{group}/{version}")
}
