//! What the balancer tells about itself: one row of columns per frontend, listener, server and backend, one list of
//! fields for the process, and the forms they take: CSV, typed lines, JSON, Prometheus text and the page for people.
//!
//! Names, order, tags and types are those of HAProxy 2.6 (management guide, sections 9.1 to 9.3), since tools read
//! them by position; the descriptions are ours. Rows are plain data: whoever has counters fills them in.

pub mod column;
pub mod csv;
pub mod filter;
pub mod html;
pub mod info;
pub mod json;
pub mod prometheus;
pub mod row;
pub mod typed;

pub use filter::Filter;
pub use info::Info;
pub use row::{Kind, Row};

/// A value with the type that the typed and JSON forms name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    U32(u32),
    U64(u64),
    S32(i32),
    Float(f64),
    Str(&'a str),
}

impl Value<'_> {
    /// The type's name in the typed form.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::U32(_) => "u32",
            Value::U64(_) => "u64",
            Value::S32(_) => "s32",
            Value::Float(_) => "flt",
            Value::Str(_) => "str",
        }
    }
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::U32(number) => number.fmt(out),
            Value::U64(number) => number.fmt(out),
            Value::S32(number) => number.fmt(out),
            Value::Float(number) => write!(out, "{number:.6}"),
            Value::Str(text) => out.write_str(text),
        }
    }
}

/// What a field of a table can hold; `None` prints as an empty column.
pub(crate) trait AsValue {
    fn as_value(&self) -> Option<Value<'_>>;
}

impl AsValue for Option<u32> {
    fn as_value(&self) -> Option<Value<'_>> {
        self.map(Value::U32)
    }
}

impl AsValue for Option<u64> {
    fn as_value(&self) -> Option<Value<'_>> {
        self.map(Value::U64)
    }
}

impl AsValue for Option<i32> {
    fn as_value(&self) -> Option<Value<'_>> {
        self.map(Value::S32)
    }
}

impl AsValue for Option<String> {
    fn as_value(&self) -> Option<Value<'_>> {
        self.as_deref().map(Value::Str)
    }
}

impl AsValue for u32 {
    fn as_value(&self) -> Option<Value<'_>> {
        Some(Value::U32(*self))
    }
}

impl AsValue for u64 {
    fn as_value(&self) -> Option<Value<'_>> {
        Some(Value::U64(*self))
    }
}

impl AsValue for String {
    fn as_value(&self) -> Option<Value<'_>> {
        Some(Value::Str(self))
    }
}

impl AsValue for Kind {
    fn as_value(&self) -> Option<Value<'_>> {
        Some(Value::U32(self.number()))
    }
}
