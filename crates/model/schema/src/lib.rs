//! Schema facts of every built-in type and of custom resources, behind one small view: [`SchemaRef`].
//!
//! The built-in facts are a generated table (`cargo xtask schema`); nothing here names a kind.

pub mod structural;

pub use structural::Structural;

/// A place in a schema. Copy it, walk it with `field` and `elem`.
#[derive(Clone, Copy)]
pub enum SchemaRef<'a> {
    /// A built-in type's use in a field (or a root type).
    Builtin(&'static TypeUse),
    /// A node of a custom resource's structural schema.
    Custom(&'a Structural),
    /// Anything goes (`x-kubernetes-preserve-unknown-fields`, RawExtension, untyped).
    Any,
}

/// How a value at a place is merged and checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape<'a> {
    Scalar(Scalar),
    /// An object with known fields.
    Struct {
        atomic: bool,
    },
    /// An object whose keys are free.
    Map {
        atomic: bool,
    },
    List(ListType<'a>),
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ListType<'a> {
    Atomic,
    Set,
    Map(Keys<'a>),
}

/// The key fields of a list-map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keys<'a> {
    Static(&'static [&'static str]),
    Custom(&'a [String]),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    String,
    /// base64 text
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    IntOrString,
    Quantity,
    Time,
    MicroTime,
}

/// `patchStrategy` of a field, for strategic merge patches.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct PatchStrategy {
    pub merge: bool,
    pub retain_keys: bool,
    pub replace: bool,
    pub merge_key: Option<&'static str>,
}

/// A type as a field uses it. To be filled by the generated table.
#[derive(Debug)]
pub struct TypeUse {}

impl<'a> SchemaRef<'a> {
    /// The schema of a field; None if the type has no such field.
    pub fn field(self, _name: &str) -> Option<SchemaRef<'a>> {
        todo!()
    }

    /// The schema of a list's items or a map's values.
    pub fn elem(self) -> SchemaRef<'a> {
        todo!()
    }

    pub fn shape(self) -> Shape<'a> {
        todo!()
    }

    /// Facts for strategic merge; custom resources have none.
    pub fn patch_strategy(self) -> PatchStrategy {
        todo!()
    }
}

/// The root of a built-in type by its OpenAPI name, `io.k8s.api.apps.v1.Deployment`.
pub fn builtin(_name: &str) -> Option<SchemaRef<'static>> {
    todo!()
}
