//! Documents to messages.

use super::special::{self, micros};
use super::wire::{FIXED64, put_bytes, put_int, put_message, put_tag};
use super::{Error, MAX_DEPTH};
use crate::table::{FieldRow, Kind, TypeUse};
use base64::Engine;
use serde_json::{Map, Value};

type Written = Result<(), Error>;

/// Writes the fields of a document's root.
pub fn message(used: &'static TypeUse, value: &Value, out: &mut Vec<u8>) -> Written {
    fields_of(used, value, "", 0, out)
}

fn fields_of(used: &'static TypeUse, value: &Value, name: &str, depth: usize, out: &mut Vec<u8>) -> Written {
    if depth > MAX_DEPTH {
        return Err(Error::TooDeep);
    }
    let map = value.as_object().ok_or_else(|| shape(name, "an object"))?;
    level(used, map, &[], depth, out)
}

/// Writes the fields at one level of inline embedding; deeper levels become messages of their own.
fn level(used: &'static TypeUse, map: &Map<String, Value>, prefix: &[u8], depth: usize, out: &mut Vec<u8>) -> Written {
    let mut deeper: Vec<u8> = Vec::new();
    for (name, value) in map {
        let Some(row) = used.field(name).filter(|row| row.tag != 0 && !value.is_null()) else { continue };
        let path = row.path();
        if path == prefix {
            field(row, value, depth, out)?;
        } else if let Some(next) = path.strip_prefix(prefix).and_then(<[u8]>::first)
            && !deeper.contains(next)
        {
            deeper.push(*next);
        }
    }
    for tag in deeper {
        let inner = [prefix, &[tag]].concat();
        put_message(tag, out, |out| level(used, map, &inner, depth, out))?;
    }
    Ok(())
}

fn field(row: &'static FieldRow, value: &Value, depth: usize, out: &mut Vec<u8>) -> Written {
    let (used, name) = (row.used(), row.name());
    match used.kind {
        Kind::List => {
            let items = value.as_array().ok_or_else(|| shape(name, "a list"))?;
            items.iter().try_for_each(|item| one(row.tag, used.elem(), item, name, depth, out))
        }
        Kind::Map => {
            let entries = value.as_object().ok_or_else(|| shape(name, "a map"))?;
            entries.iter().try_for_each(|(key, value)| {
                put_message(row.tag, out, |out| {
                    put_bytes(1, key.as_bytes(), out);
                    one(2, used.elem(), value, name, depth, out)
                })
            })
        }
        _ => one(row.tag, used, value, name, depth, out),
    }
}

/// Writes one value under a tag.
fn one(tag: u8, used: &'static TypeUse, value: &Value, name: &str, depth: usize, out: &mut Vec<u8>) -> Written {
    if value.is_null() {
        zero(tag, used.kind, out);
        return Ok(());
    }
    match used.kind {
        Kind::String => put_bytes(tag, text(value, name)?.as_bytes(), out),
        Kind::Bytes => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(text(value, name)?);
            put_bytes(tag, &decoded.map_err(|_| shape(name, "base64 text"))?, out);
        }
        Kind::Bool => put_int(tag, value.as_bool().ok_or_else(|| shape(name, "a boolean"))?.into(), out),
        Kind::Int32 | Kind::Int64 => put_int(tag, int(value, name)?, out),
        Kind::Double => {
            put_tag(tag, FIXED64, out);
            let number = value.as_f64().ok_or_else(|| shape(name, "a number"))?;
            out.extend_from_slice(&number.to_le_bytes());
        }
        Kind::Time | Kind::MicroTime => {
            let time = micros(text(value, name)?).ok_or_else(|| shape(name, "an RFC 3339 time"))?;
            put_message(tag, out, |out| {
                put_int(1, time.div_euclid(1_000_000), out);
                put_int(2, time.rem_euclid(1_000_000) * 1000, out);
                Ok::<(), Error>(())
            })?;
        }
        Kind::Duration => {
            let nanos = special::nanos(text(value, name)?).ok_or_else(|| shape(name, "a duration"))?;
            put_message(tag, out, |out| {
                put_int(1, nanos, out);
                Ok::<(), Error>(())
            })?;
        }
        Kind::Quantity => {
            let number = value.is_number().then(|| value.to_string());
            let written = number.as_deref().map_or_else(|| text(value, name), Ok)?;
            put_message(tag, out, |out| {
                put_bytes(1, written.as_bytes(), out);
                Ok::<(), Error>(())
            })?;
        }
        Kind::IntOrString => put_message(tag, out, |out| int_or_string(value, name, out))?,
        Kind::Fields | Kind::Raw | Kind::Json => {
            let raw = value.to_string();
            put_message(tag, out, |out| {
                put_bytes(1, raw.as_bytes(), out);
                Ok::<(), Error>(())
            })?;
        }
        Kind::SchemaOrArray | Kind::SchemaOrBool | Kind::SchemaOrStrings => {
            put_message(tag, out, |out| schema_or(used.kind, value, name, depth, out))?;
        }
        Kind::Struct => put_message(tag, out, |out| fields_of(used, value, name, depth + 1, out))?,
        Kind::Wrapped => {
            let items = value.as_array().ok_or_else(|| shape(name, "a list"))?;
            put_message(tag, out, |out| items.iter().try_for_each(|item| one(1, used.elem(), item, name, depth, out)))?;
        }
        Kind::List | Kind::Map => return Err(shape(name, "a value without nested lists")),
    }
    Ok(())
}

/// What Go's decoder makes of a null in a list or a map.
fn zero(tag: u8, kind: Kind, out: &mut Vec<u8>) {
    match kind {
        Kind::Bool | Kind::Int32 | Kind::Int64 => put_int(tag, 0, out),
        Kind::Double => {
            put_tag(tag, FIXED64, out);
            out.extend_from_slice(&[0; 8]);
        }
        _ => put_bytes(tag, b"", out),
    }
}

fn int_or_string(value: &Value, name: &str, out: &mut Vec<u8>) -> Written {
    if let Some(text) = value.as_str() {
        put_int(1, 1, out);
        put_bytes(3, text.as_bytes(), out);
        return Ok(());
    }
    put_int(1, 0, out);
    put_int(2, int(value, name)?, out);
    Ok(())
}

/// `JSONSchemaPropsOrArray`, `...OrBool`, `...OrStringArray`: a schema, or what the name says.
fn schema_or(kind: Kind, value: &Value, name: &str, depth: usize, out: &mut Vec<u8>) -> Written {
    let schema = special::schema_props();
    let schema_tag = if kind == Kind::SchemaOrBool { 2 } else { 1 };
    match value {
        Value::Object(_) => {
            if kind == Kind::SchemaOrBool {
                put_int(1, 1, out);
            }
            put_message(schema_tag, out, |out| fields_of(schema, value, name, depth + 1, out))
        }
        Value::Bool(allows) if kind == Kind::SchemaOrBool => {
            put_int(1, (*allows).into(), out);
            Ok(())
        }
        Value::Array(items) if kind == Kind::SchemaOrArray => {
            items.iter().try_for_each(|item| put_message(2, out, |out| fields_of(schema, item, name, depth + 1, out)))
        }
        Value::Array(items) if kind == Kind::SchemaOrStrings => items.iter().try_for_each(|item| {
            put_bytes(2, text(item, name)?.as_bytes(), out);
            Ok(())
        }),
        _ => Err(shape(name, "a schema")),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Error> {
    value.as_str().ok_or_else(|| shape(name, "a text"))
}

fn int(value: &Value, name: &str) -> Result<i64, Error> {
    value.as_i64().ok_or_else(|| shape(name, "an integer"))
}

fn shape(field: &str, expected: &'static str) -> Error {
    Error::Shape { field: field.to_owned(), expected }
}
