//! The structural schema of a custom resource: parsed once per served version, then used to prune, default and validate.
//!
//! CEL rules (`x-kubernetes-validations`) are not evaluated; [`Structural::has_cel_rules`] tells that there are some.
//!
//! Upstream: `apiextensions-apiserver/pkg/apiserver/schema`.

mod defaults;
mod formats;
mod parse;
mod prune;
mod validate;

use crate::{Keys, ListType, Scalar, SchemaRef, Shape};
use serde_json::Value;
use std::collections::BTreeMap;

/// A node of the schema.
#[derive(Debug, Clone, Default)]
pub struct Structural {
    pub kind: Type,
    /// The root of a custom resource, or `x-kubernetes-embedded-resource`: apiVersion, kind and metadata are known.
    pub resource: bool,
    pub properties: BTreeMap<String, Structural>,
    /// Schema of the values of free keys; None if there are none.
    pub additional: Option<Box<Structural>>,
    pub items: Option<Box<Structural>>,
    /// `x-kubernetes-preserve-unknown-fields`
    pub preserve_unknown: bool,
    /// `x-kubernetes-int-or-string`
    pub int_or_string: bool,
    pub nullable: bool,
    pub default: Option<Value>,
    pub list: List,
    /// `x-kubernetes-map-type: atomic`
    pub atomic_map: bool,
    /// This node or one below it has `x-kubernetes-validations`.
    has_rules: bool,
    /// A node below this one is an object of its own (`x-kubernetes-embedded-resource`).
    has_embedded: bool,
    values: Option<Box<Values>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Type {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// `x-kubernetes-list-type`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum List {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

/// What a value must be beyond its type. Most nodes have none of it.
#[derive(Debug, Clone, Default)]
struct Values {
    format: String,
    pattern: String,
    allowed: Vec<Value>,
    required: Vec<String>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_minimum: bool,
    exclusive_maximum: bool,
    multiple_of: Option<f64>,
    /// Lengths of texts, items of lists, properties of objects.
    length: (Option<u64>, Option<u64>),
    items: (Option<u64>, Option<u64>),
    properties: (Option<u64>, Option<u64>),
    all_of: Vec<Structural>,
    any_of: Vec<Structural>,
    one_of: Vec<Structural>,
    not: Option<Structural>,
}

impl Structural {
    /// Whether CEL rules stand somewhere in the schema. They are kept by the definition and not enforced here.
    pub fn has_cel_rules(&self) -> bool {
        self.has_rules
    }

    /// Whether there are objects inside of the objects.
    pub fn has_embedded(&self) -> bool {
        self.has_embedded
    }

    /// The place of this node in a walk.
    pub fn view(&self) -> SchemaRef<'_> {
        let untyped = self.kind == Type::Any && self.properties.is_empty() && !self.int_or_string && !self.resource;
        if untyped { SchemaRef::Any } else { SchemaRef::Custom(self) }
    }

    pub(crate) fn field(&self, name: &str) -> Option<SchemaRef<'_>> {
        if self.resource {
            match name {
                "metadata" => return crate::builtin("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
                "apiVersion" | "kind" => return crate::builtin(crate::STRING_HOLDER)?.field(name),
                _ => {}
            }
        }
        if let Some(known) = self.properties.get(name) {
            return Some(known.view());
        }
        if let Some(values) = &self.additional {
            return Some(values.view());
        }
        (self.preserve_unknown || self.kind == Type::Any).then_some(SchemaRef::Any)
    }

    pub(crate) fn elem(&self) -> SchemaRef<'_> {
        self.items.as_deref().or(self.additional.as_deref()).map_or(SchemaRef::Any, Structural::view)
    }

    pub(crate) fn shape(&self) -> Shape<'_> {
        if self.int_or_string {
            return Shape::Scalar(Scalar::IntOrString);
        }
        match self.kind {
            Type::Any if self.properties.is_empty() && !self.resource => Shape::Any,
            Type::Object if self.properties.is_empty() && self.additional.is_some() => {
                Shape::Map { atomic: self.atomic_map }
            }
            Type::Any | Type::Object => Shape::Struct { atomic: self.atomic_map },
            Type::Array => Shape::List(match &self.list {
                List::Atomic => ListType::Atomic,
                List::Set => ListType::Set,
                List::Map(keys) => ListType::Map(Keys::Custom(keys)),
            }),
            Type::String => Shape::Scalar(Scalar::String),
            Type::Integer => Shape::Scalar(Scalar::Int64),
            Type::Number => Shape::Scalar(Scalar::Double),
            Type::Boolean => Shape::Scalar(Scalar::Bool),
        }
    }
}

impl Type {
    const ALL: [(Type, &'static str); 6] = [
        (Type::Array, "array"),
        (Type::Boolean, "boolean"),
        (Type::Integer, "integer"),
        (Type::Number, "number"),
        (Type::Object, "object"),
        (Type::String, "string"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// A place in a document; lives on the stack, so that good documents pay nothing for it.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Place::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests;
