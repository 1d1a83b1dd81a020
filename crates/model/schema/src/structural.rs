//! The structural schema of a custom resource.
//!
//! Upstream: `apiextensions-apiserver/pkg/apiserver/schema`.

use crate::SchemaRef;
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

impl Structural {
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

    /// The place of this node in a walk.
    pub fn view(&self) -> SchemaRef<'_> {
        let untyped = self.kind == Type::Any && self.properties.is_empty() && !self.int_or_string;
        if untyped { SchemaRef::Any } else { SchemaRef::Custom(self) }
    }
}

impl Structural {
    pub(crate) fn shape(&self) -> crate::Shape<'_> {
        use crate::{Keys, ListType, Scalar, Shape};
        if self.int_or_string {
            return Shape::Scalar(Scalar::IntOrString);
        }
        match self.kind {
            Type::Any => Shape::Any,
            Type::Object if self.properties.is_empty() && self.additional.is_some() => {
                Shape::Map { atomic: self.atomic_map }
            }
            Type::Object => Shape::Struct { atomic: self.atomic_map },
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
