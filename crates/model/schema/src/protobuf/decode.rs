//! Messages to documents.

use super::wire::{Payload, Reader};
use super::{Error, MAX_DEPTH, MAX_VALUES, envelope, special};
use crate::table::{FieldRow, Kind, TypeUse};
use base64::Engine;
use serde_json::{Map, Value};

/// Counts what it makes.
#[derive(Default)]
pub struct Decoder {
    values: usize,
}

impl Decoder {
    pub fn message(&mut self, used: &'static TypeUse, bytes: &[u8], depth: usize) -> Result<Value, Error> {
        let mut map = Map::new();
        self.level(used, bytes, &[], depth, &mut map)?;
        Ok(Value::Object(map))
    }

    /// Reads one message; those that Go embeds inline add their fields to the same map.
    fn level(
        &mut self,
        used: &'static TypeUse,
        bytes: &[u8],
        prefix: &[u8],
        depth: usize,
        map: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let mut reader = Reader(bytes);
        while let Some((tag, payload)) = reader.next()? {
            let Ok(tag) = u8::try_from(tag) else { continue };
            let rows = used.fields();
            if let Some(row) = rows.iter().find(|row| row.tag == tag && row.path() == prefix) {
                self.field(row, payload, depth, map)?;
                continue;
            }
            let inner = [prefix, &[tag]].concat();
            if let Payload::Bytes(bytes) = payload
                && rows.iter().any(|row| row.path().starts_with(&inner))
            {
                self.level(used, bytes, &inner, depth + 1, map)?;
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        row: &'static FieldRow,
        payload: Payload<'_>,
        depth: usize,
        map: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let (used, name) = (row.used(), row.name());
        match used.kind {
            Kind::List => {
                let list = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(list) = list else { return Ok(()) };
                match (used.elem().kind, payload) {
                    (Kind::Int32 | Kind::Int64, Payload::Bytes(packed)) => {
                        let mut reader = Reader(packed);
                        while !reader.0.is_empty() {
                            let number = Payload::Varint(reader.varint()?);
                            list.push(self.one(used.elem(), number, name, depth)?);
                        }
                    }
                    _ => list.push(self.one(used.elem(), payload, name, depth)?),
                }
            }
            Kind::Map => {
                let entries = map.entry(name).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(entries) = entries else { return Ok(()) };
                let (key, value) = self.entry(used.elem(), payload, name, depth)?;
                entries.insert(key, value);
            }
            _ => {
                let value = self.one(used, payload, name, depth)?;
                if value.is_null() || (row.omit_zero && is_zero(&value)) {
                    map.remove(name);
                } else {
                    map.insert(name.to_owned(), value);
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        values: &'static TypeUse,
        payload: Payload<'_>,
        name: &str,
        depth: usize,
    ) -> Result<(String, Value), Error> {
        let mut reader = Reader(bytes(payload, name)?);
        let (mut key, mut value) = (String::new(), None);
        while let Some((tag, payload)) = reader.next()? {
            match tag {
                1 => key = text(payload, name)?,
                2 => value = Some(self.one(values, payload, name, depth)?),
                _ => {}
            }
        }
        Ok((key, value.unwrap_or_else(|| empty(values.kind))))
    }

    fn one(&mut self, used: &'static TypeUse, payload: Payload<'_>, name: &str, depth: usize) -> Result<Value, Error> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::TooMany);
        }
        Ok(match used.kind {
            Kind::String => text(payload, name)?.into(),
            Kind::Bytes => base64::engine::general_purpose::STANDARD.encode(bytes(payload, name)?).into(),
            Kind::Bool => (varint(payload, name)? != 0).into(),
            Kind::Int32 => (varint(payload, name)? as i32).into(),
            Kind::Int64 => (varint(payload, name)? as i64).into(),
            Kind::Double => match payload {
                Payload::Fixed64(bits) => f64::from_bits(bits).into(),
                _ => return Err(Error::WireType(name.to_owned())),
            },
            Kind::Time | Kind::MicroTime => {
                let (seconds, nanos) = ints(bytes(payload, name)?, name)?;
                special::time(seconds, nanos as i32, used.kind == Kind::MicroTime)
            }
            Kind::Duration => special::duration(ints(bytes(payload, name)?, name)?.0).into(),
            Kind::Quantity => match raw(bytes(payload, name)?, name)? {
                [] => "0".into(),
                written => utf8(written, name)?.into(),
            },
            Kind::IntOrString => int_or_string(bytes(payload, name)?, name)?,
            Kind::Fields | Kind::Raw | Kind::Json => self.json(raw(bytes(payload, name)?, name)?, name, depth)?,
            Kind::SchemaOrArray | Kind::SchemaOrBool | Kind::SchemaOrStrings => {
                self.schema_or(used.kind, bytes(payload, name)?, name, depth + 1)?
            }
            Kind::Struct => self.message(used, bytes(payload, name)?, depth + 1)?,
            Kind::Wrapped => {
                let mut reader = Reader(bytes(payload, name)?);
                let mut list = Vec::new();
                while let Some((tag, payload)) = reader.next()? {
                    if tag == 1 {
                        list.push(self.one(used.elem(), payload, name, depth)?);
                    }
                }
                list.into()
            }
            Kind::List | Kind::Map => return Err(Error::WireType(name.to_owned())),
        })
    }

    /// JSON in bytes; a whole enveloped object where Go's encoder put one.
    fn json(&mut self, raw: &[u8], name: &str, depth: usize) -> Result<Value, Error> {
        if raw.is_empty() {
            return Ok(Value::Null);
        }
        if envelope::is_enveloped(raw) {
            return envelope::decode_with(self, raw, depth + 1);
        }
        serde_json::from_slice(raw).map_err(|_| Error::Json(name.to_owned()))
    }

    fn schema_or(&mut self, kind: Kind, bytes_of: &[u8], name: &str, depth: usize) -> Result<Value, Error> {
        let schema = special::schema_props();
        let schema_tag = if kind == Kind::SchemaOrBool { 2 } else { 1 };
        let (mut found, mut list, mut allows) = (None, Vec::new(), false);
        let mut reader = Reader(bytes_of);
        while let Some((tag, payload)) = reader.next()? {
            self.values += 1;
            match tag {
                tag if tag == schema_tag => found = Some(self.message(schema, bytes(payload, name)?, depth)?),
                1 => allows = varint(payload, name)? != 0,
                2 if kind == Kind::SchemaOrStrings => list.push(text(payload, name)?.into()),
                2 => list.push(self.message(schema, bytes(payload, name)?, depth)?),
                _ => {}
            }
        }
        if self.values > MAX_VALUES {
            return Err(Error::TooMany);
        }
        Ok(match kind {
            _ if found.is_some() => found.unwrap_or_default(),
            Kind::SchemaOrBool => allows.into(),
            _ => list.into(),
        })
    }
}

/// The two integers 1 and 2 of a time.
fn ints(message: &[u8], name: &str) -> Result<(i64, i64), Error> {
    let mut found = (0, 0);
    let mut reader = Reader(message);
    while let Some((tag, payload)) = reader.next()? {
        match tag {
            1 => found.0 = varint(payload, name)? as i64,
            2 => found.1 = varint(payload, name)? as i64,
            _ => {}
        }
    }
    Ok(found)
}

/// Field 1 of a message of bytes.
fn raw<'a>(message: &'a [u8], name: &str) -> Result<&'a [u8], Error> {
    let mut found: &[u8] = &[];
    let mut reader = Reader(message);
    while let Some((tag, payload)) = reader.next()? {
        if tag == 1 {
            found = bytes(payload, name)?;
        }
    }
    Ok(found)
}

fn int_or_string(message: &[u8], name: &str) -> Result<Value, Error> {
    let (mut is_text, mut number, mut written) = (false, 0, String::new());
    let mut reader = Reader(message);
    while let Some((tag, payload)) = reader.next()? {
        match tag {
            1 => is_text = varint(payload, name)? == 1,
            2 => number = varint(payload, name)? as i32,
            3 => written = text(payload, name)?,
            _ => {}
        }
    }
    Ok(if is_text { written.into() } else { number.into() })
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => false,
    }
}

/// What a map entry without a value holds.
fn empty(kind: Kind) -> Value {
    match kind {
        Kind::String | Kind::Bytes => "".into(),
        Kind::Bool => false.into(),
        Kind::Int32 | Kind::Int64 | Kind::Double | Kind::IntOrString => 0.into(),
        Kind::Quantity => "0".into(),
        Kind::Struct => Map::new().into(),
        Kind::List | Kind::Wrapped => Vec::<Value>::new().into(),
        _ => Value::Null,
    }
}

fn varint(payload: Payload<'_>, name: &str) -> Result<u64, Error> {
    if let Payload::Varint(value) = payload { Ok(value) } else { Err(Error::WireType(name.to_owned())) }
}

fn bytes<'a>(payload: Payload<'a>, name: &str) -> Result<&'a [u8], Error> {
    if let Payload::Bytes(value) = payload { Ok(value) } else { Err(Error::WireType(name.to_owned())) }
}

fn text(payload: Payload<'_>, name: &str) -> Result<String, Error> {
    utf8(bytes(payload, name)?, name).map(str::to_owned)
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::Utf8(name.to_owned()))
}
