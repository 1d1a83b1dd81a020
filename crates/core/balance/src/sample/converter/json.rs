//! JSON: text made fit for it, and values taken out of it.

use crate::sample::args::{Arg, Kind, spec};
use crate::sample::keyword::{Converter, converter};
use crate::sample::{Env, Type, Value};
use std::borrow::Cow;

pub const CONVERTERS: &[Converter] = &[
    converter("json", spec(1, &[Kind::Str]), Type::Str, Type::Str, |value, call| {
        escape(&value.into_bytes(), Input::parse(call.text(0)?)?).map(Value::str)
    })
    .checked(check_input),
    converter("json_query", spec(1, &[Kind::Str, Kind::Str]), Type::Str, Type::Any, |value, call| {
        query(&value.into_bytes(), call.text(0)?, call.text(1) == Some("int"))
    })
    .checked(check_query),
];

/// How bytes become characters, and what happens to those that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Each byte is one.
    Ascii,
    Utf8 {
        /// Overlong forms are taken.
        permissive: bool,
        /// What is wrong is left out.
        silent: bool,
    },
}

impl Input {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "" | "ascii" => Self::Ascii,
            "utf8" => Self::Utf8 { permissive: false, silent: false },
            "utf8s" => Self::Utf8 { permissive: false, silent: true },
            "utf8p" => Self::Utf8 { permissive: true, silent: false },
            "utf8ps" => Self::Utf8 { permissive: true, silent: true },
            _ => return None,
        })
    }
}

fn check_input(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.first() {
        Some(Arg::Text(name)) if Input::parse(name).is_none() => Err("Unexpected input code type. \
            Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'"
            .into()),
        _ => Ok(()),
    }
}

/// ASCII fit to stand in a JSON string; `None` where the input is not what it should be.
fn escape(text: &[u8], input: Input) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.first() {
        let (character, length) = match input {
            Input::Ascii => (Some(u32::from(*first)), 1),
            Input::Utf8 { permissive, .. } => decode(rest, permissive),
        };
        rest = &rest[length..];
        // `\u` has four digits.
        match (character.filter(|number| *number <= 0xffff), input) {
            (Some(number), _) => put(number, &mut out),
            (None, Input::Utf8 { silent: true, .. }) => {}
            (None, _) => return None,
        }
    }
    Some(out)
}

/// The character that bytes begin with, and how many bytes it takes.
fn decode(bytes: &[u8], permissive: bool) -> (Option<u32>, usize) {
    let (mut number, follow, least) = match bytes[0] {
        byte @ 0..=0x7f => return (Some(u32::from(byte)), 1),
        byte @ 0xc0..=0xdf => (u32::from(byte & 0x1f), 1, 0x80),
        byte @ 0xe0..=0xef => (u32::from(byte & 0x0f), 2, 0x800),
        byte @ 0xf0..=0xf7 => (u32::from(byte & 0x07), 3, 0x1_0000),
        _ => return (None, 1),
    };
    for place in 1..=follow {
        match bytes.get(place) {
            Some(byte) if byte & 0xc0 == 0x80 => number = number << 6 | u32::from(byte & 0x3f),
            _ => return (None, place),
        }
    }
    let prohibited = (0xd800..=0xdfff).contains(&number) || matches!(number, 0xfffe | 0xffff);
    let good = !prohibited && (permissive || number >= least);
    (good.then_some(number), follow + 1)
}

fn put(number: u32, out: &mut Vec<u8>) {
    let short = match number {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        0x22 => b'"',
        0x2f => b'/',
        0x5c => b'\\',
        0x20..=0x7e => return out.push(number as u8),
        _ => return out.extend_from_slice(format!("\\u{number:04x}").as_bytes()),
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn check_query(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    check_output(args, 1)
}

pub(super) fn check_output(args: &[Arg], place: usize) -> Result<(), String> {
    match args.get(place) {
        Some(Arg::Text(kind)) if &**kind != "int" && !kind.is_empty() => {
            Err("output_type only supports \"int\" as argument".into())
        }
        _ => Ok(()),
    }
}

/// The scalar at a JSON path.
pub(super) fn query<'a>(text: &[u8], path: &str, as_int: bool) -> Option<Value<'a>> {
    let document: serde_json::Value = serde_json::from_slice(text).ok()?;
    Some(match at(&document, path)? {
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::String(text) => Value::text(text.clone()),
        serde_json::Value::Number(number) if as_int => {
            Value::Int(number.as_i64().or_else(|| number.as_f64().map(|number| number as i64))?)
        }
        serde_json::Value::Number(number) => Value::text(number.to_string()),
        _ => return None,
    })
}

/// Follows `$.name[2].other`; a backslash takes the meaning from the letter behind it.
fn at<'d>(document: &'d serde_json::Value, path: &str) -> Option<&'d serde_json::Value> {
    let mut here = document;
    let mut rest = path.strip_prefix('$')?;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']')?;
            here = match index.trim_matches(['\'', '"']) {
                name if name.len() < index.len() => here.get(name)?,
                index => here.get(index.parse::<usize>().ok()?)?,
            };
            rest = after;
            continue;
        }
        let (name, after) = member(rest.strip_prefix('.')?);
        here = here.get(&*name)?;
        rest = after;
    }
    Some(here)
}

/// A member's name, up to the next `.` or `[`.
fn member(path: &str) -> (Cow<'_, str>, &str) {
    let mut name = String::new();
    let mut escaped = false;
    for (place, letter) in path.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                continue;
            }
            '.' | '[' => return (Cow::Owned(name), &path[place..]),
            _ => {}
        }
        name.push(letter);
    }
    (Cow::Owned(name), "")
}
