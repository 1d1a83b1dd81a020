//! The packed facts of all built-in types: arrays of small integers that point into each other.
//!
//! Invariants
//! - Types are sorted by name, the fields of a type by JSON name: both are found by binary search.
//! - The last row of `TYPES` is a sentinel, so that a type's fields end where the next type's begin.

use crate::PatchStrategy;

/// A type as a field uses it.
#[derive(Debug, PartialEq)]
pub struct TypeUse {
    pub(crate) kind: Kind,
    pub(crate) atomic: bool,
    /// Of a struct its number in `TYPES`, of a list or map the use of its elements.
    target: u16,
    /// 0 atomic, 1 set, else the key fields' number in `KEYS` plus 2.
    list: u8,
    patch: u8,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    String,
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    Time,
    MicroTime,
    Duration,
    Quantity,
    IntOrString,
    /// FieldsV1: JSON in protobuf bytes.
    Fields,
    /// RawExtension.
    Raw,
    /// apiextensions JSON.
    Json,
    SchemaOrArray,
    SchemaOrBool,
    SchemaOrStrings,
    Struct,
    List,
    /// A list that protobuf wraps in a message `items`.
    Wrapped,
    Map,
}

pub struct TypeRow {
    name: u16,
    fields: u16,
    kind: bool,
}

#[derive(Debug)]
pub struct FieldRow {
    name: u16,
    used: u16,
    /// Protobuf tag; 0 if the field is not in protobuf (apiVersion and kind of a root).
    pub(crate) tag: u8,
    path: u8,
    pub(crate) required: bool,
    /// Go has no pointer here and writes no zero: zero is absent.
    pub(crate) omit_zero: bool,
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));

impl TypeUse {
    /// Of a list or map.
    pub(crate) fn elem(&self) -> &'static TypeUse {
        &USES[self.target as usize]
    }

    /// Number of the type in the table; only of structs.
    pub(crate) fn type_number(&self) -> usize {
        self.target as usize
    }

    pub(crate) fn patch(&self) -> PatchStrategy {
        PATCHES[self.patch as usize]
    }

    /// None: atomic. Some of nothing: a set.
    pub(crate) fn list_keys(&self) -> Option<&'static [&'static str]> {
        match self.list {
            0 => None,
            1 => Some(&[]),
            number => Some(KEYS[number as usize - 2]),
        }
    }

    pub(crate) fn fields(&self) -> &'static [FieldRow] {
        if self.kind == Kind::Struct { fields(self.type_number()) } else { &[] }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&'static FieldRow> {
        let rows = self.fields();
        rows.binary_search_by(|row| row.name().cmp(name)).ok().map(|at| &rows[at])
    }
}

impl FieldRow {
    pub(crate) fn name(&self) -> &'static str {
        let at = self.name as usize;
        &NAMES[NAME_AT[at] as usize..NAME_AT[at + 1] as usize]
    }

    pub(crate) fn used(&self) -> &'static TypeUse {
        &USES[self.used as usize]
    }

    /// Tags of the messages that hold this field in protobuf where JSON has it in the type itself.
    pub(crate) fn path(&self) -> &'static [u8] {
        PATHS[self.path as usize]
    }
}

pub(crate) fn type_count() -> usize {
    ROOTS.len()
}

pub(crate) fn type_name(number: usize) -> &'static str {
    &TYPE_NAMES[TYPES[number].name as usize..TYPES[number + 1].name as usize]
}

/// Whether the type stands alone in requests, with apiVersion and kind.
pub(crate) fn is_kind(number: usize) -> bool {
    TYPES[number].kind
}

pub(crate) fn fields(number: usize) -> &'static [FieldRow] {
    &FIELDS[TYPES[number].fields as usize..TYPES[number + 1].fields as usize]
}

/// How many fields all types before this one have.
pub(crate) fn first_field(number: usize) -> usize {
    TYPES[number].fields as usize
}

pub(crate) fn root(number: usize) -> &'static TypeUse {
    &USES[ROOTS[number] as usize]
}

pub(crate) fn find(name: &str) -> Option<usize> {
    let (mut low, mut high) = (0, type_count());
    while low < high {
        let middle = (low + high) / 2;
        match type_name(middle).cmp(name) {
            std::cmp::Ordering::Equal => return Some(middle),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}
