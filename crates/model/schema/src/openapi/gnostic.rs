//! The v2 document in the protobuf form of gnostic (`OpenAPIv2.proto`), which is what client-go reads.
//!
//! Only the messages and fields that our own documents use.

use crate::protobuf::wire::{FIXED64, put_bytes, put_int, put_message, put_tag};
use serde_json::{Map, Value};
use std::convert::Infallible;

type Out = Vec<u8>;

/// Calls its argument for each named part.
type Each<'a> = dyn FnMut(&str, &Value) + 'a;

pub struct Document(Out);

impl Document {
    pub fn new(info: &Value) -> Self {
        let mut out = Vec::with_capacity(4 << 20);
        put_bytes(1, b"2.0", &mut out);
        message(2, &mut out, |out| {
            text(1, info.get("title"), out);
            text(2, info.get("version"), out);
        });
        Self(out)
    }

    pub fn paths(&mut self, each: impl FnOnce(&mut Each<'_>)) {
        message(8, &mut self.0, |out| {
            each(&mut |path, item| named(2, path, out, |out| path_item(item, out)));
        });
    }

    pub fn definitions(&mut self, each: impl FnOnce(&mut Each<'_>)) {
        message(9, &mut self.0, |out| {
            each(&mut |name, value| named(1, name, out, |out| schema(value, out)));
        });
    }

    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

fn path_item(item: &Value, out: &mut Out) {
    for (tag, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
        if let Some(value) = item.get(method) {
            message(tag, out, |out| operation(value, out));
        }
    }
    for value in list(item.get("parameters")) {
        message(9, out, |out| message(1, out, |out| parameter(value, out)));
    }
}

fn operation(value: &Value, out: &mut Out) {
    texts(1, value.get("tags"), out);
    text(3, value.get("description"), out);
    text(5, value.get("operationId"), out);
    texts(6, value.get("produces"), out);
    texts(7, value.get("consumes"), out);
    for value in list(value.get("parameters")) {
        message(8, out, |out| message(1, out, |out| parameter(value, out)));
    }
    message(9, out, |out| {
        for (code, response) in value.get("responses").and_then(Value::as_object).into_iter().flatten() {
            named(1, code, out, |out| {
                message(1, out, |out| {
                    text(1, response.get("description"), out);
                    if let Some(value) = response.get("schema") {
                        message(2, out, |out| message(1, out, |out| schema(value, out)));
                    }
                });
            });
        }
    });
    texts(10, value.get("schemes"), out);
    extensions(13, value, out);
}

/// A `Parameter`: of the body, or one of query and path, whose messages number their fields in their own ways.
fn parameter(value: &Value, out: &mut Out) {
    let required = |tag, out: &mut Out| flag(tag, value.get("required"), out);
    match value.get("in").and_then(Value::as_str) {
        Some("body") => message(1, out, |out| {
            text(1, value.get("description"), out);
            text(2, value.get("name"), out);
            text(3, value.get("in"), out);
            required(4, out);
            if let Some(value) = value.get("schema") {
                message(5, out, |out| schema(value, out));
            }
        }),
        place => {
            let (case, kind, unique) = if place == Some("path") { (4, 5, 19) } else { (3, 6, 20) };
            message(2, out, |out| {
                message(case, out, |out| {
                    required(1, out);
                    text(2, value.get("in"), out);
                    text(3, value.get("description"), out);
                    text(4, value.get("name"), out);
                    text(kind, value.get("type"), out);
                    flag(unique, value.get("uniqueItems"), out);
                });
            });
        }
    }
}

fn schema(value: &Value, out: &mut Out) {
    let Value::Object(map) = value else { return };
    for (tag, name) in [(1, "$ref"), (2, "format"), (3, "title"), (4, "description"), (13, "pattern")] {
        text(tag, map.get(name), out);
    }
    if let Some(value) = map.get("default") {
        message(5, out, |out| any(value, out));
    }
    for (tag, name) in [(6, "multipleOf"), (7, "maximum"), (9, "minimum")] {
        if let Some(number) = map.get(name).and_then(Value::as_f64) {
            put_tag(tag, FIXED64, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    for (tag, name) in [(8, "exclusiveMaximum"), (10, "exclusiveMinimum"), (16, "uniqueItems")] {
        flag(tag, map.get(name), out);
    }
    const WHOLE: [(u8, &str); 6] = [
        (11, "maxLength"),
        (12, "minLength"),
        (14, "maxItems"),
        (15, "minItems"),
        (17, "maxProperties"),
        (18, "minProperties"),
    ];
    for (tag, name) in WHOLE {
        if let Some(number) = map.get(name).and_then(Value::as_i64) {
            put_int(tag, number, out);
        }
    }
    texts(19, map.get("required"), out);
    for value in list(map.get("enum")) {
        message(20, out, |out| any(value, out));
    }
    children(map, out);
    extensions(31, value, out);
}

fn children(map: &Map<String, Value>, out: &mut Out) {
    match map.get("additionalProperties") {
        Some(Value::Bool(allowed)) => message(21, out, |out| put_int(2, (*allowed).into(), out)),
        Some(value) => message(21, out, |out| message(1, out, |out| schema(value, out))),
        None => {}
    }
    if map.contains_key("type") {
        message(22, out, |out| text(1, map.get("type"), out));
    }
    if let Some(value) = map.get("items") {
        message(23, out, |out| message(1, out, |out| schema(value, out)));
    }
    if let Some(Value::Object(properties)) = map.get("properties") {
        message(25, out, |out| {
            for (name, value) in properties {
                named(1, name, out, |out| schema(value, out));
            }
        });
    }
}

/// All `x-` words of a map, their values as YAML (of which JSON is a part).
fn extensions(tag: u8, value: &Value, out: &mut Out) {
    for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("x-")) {
        named(tag, name, out, |out| any(value, out));
    }
}

fn any(value: &Value, out: &mut Out) {
    put_bytes(2, format!("{value}\n").as_bytes(), out);
}

/// A message of a name and a value.
fn named(tag: u8, name: &str, out: &mut Out, write: impl FnOnce(&mut Out)) {
    message(tag, out, |out| {
        put_bytes(1, name.as_bytes(), out);
        message(2, out, write);
    });
}

fn message(tag: u8, out: &mut Out, write: impl FnOnce(&mut Out)) {
    let Ok(()) = put_message(tag, out, |out| {
        write(out);
        Ok::<(), Infallible>(())
    });
}

fn text(tag: u8, value: Option<&Value>, out: &mut Out) {
    if let Some(text) = value.and_then(Value::as_str) {
        put_bytes(tag, text.as_bytes(), out);
    }
}

fn texts(tag: u8, value: Option<&Value>, out: &mut Out) {
    list(value).iter().for_each(|one| text(tag, Some(one), out));
}

fn flag(tag: u8, value: Option<&Value>, out: &mut Out) {
    if value == Some(&Value::Bool(true)) {
        put_int(tag, 1, out);
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
