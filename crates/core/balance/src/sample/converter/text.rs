//! Text: case, trimming, choosing, replacing.

use super::bytes::slice;
use crate::pattern::Regex;
use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::keyword::{Call, Converter, converter};
use crate::sample::{Env, Type, Value};
use std::sync::Arc;

pub const CONVERTERS: &[Converter] = &[
    converter("lower", NONE, Type::Str, Type::Str, |value, _| {
        let mut text = value.into_bytes();
        if text.iter().any(u8::is_ascii_uppercase) {
            text.to_mut().make_ascii_lowercase();
        }
        Some(Value::Str(text))
    }),
    converter("upper", NONE, Type::Str, Type::Str, |value, _| {
        let mut text = value.into_bytes();
        if text.iter().any(u8::is_ascii_lowercase) {
            text.to_mut().make_ascii_uppercase();
        }
        Some(Value::Str(text))
    }),
    converter("ltrim", spec(1, &[Kind::Str]), Type::Str, Type::Str, |value, call| {
        let (text, strip) = (value.into_bytes(), call.text(0)?.as_bytes());
        let start = text.iter().position(|byte| !strip.contains(byte)).unwrap_or(text.len());
        let end = text.len();
        Some(Value::Str(slice(text, start..end)))
    }),
    converter("rtrim", spec(1, &[Kind::Str]), Type::Str, Type::Str, |value, call| {
        let (text, strip) = (value.into_bytes(), call.text(0)?.as_bytes());
        let end = text.iter().rposition(|byte| !strip.contains(byte)).map_or(0, |place| place + 1);
        Some(Value::Str(slice(text, 0..end)))
    }),
    converter("cut_crlf", NONE, Type::Str, Type::Str, |value, _| {
        let text = value.into_bytes();
        let end = memchr::memchr2(b'\r', b'\n', &text).unwrap_or(text.len());
        Some(Value::Str(slice(text, 0..end)))
    }),
    converter("iif", spec(2, &[Kind::Str, Kind::Str]), Type::Bool, Type::Str, |value, call| {
        call.text(if value.as_bool()? { 0 } else { 1 }).map(Value::text)
    }),
    converter("regsub", spec(2, &[Kind::Regex, Kind::Str, Kind::Str]), Type::Str, Type::Str, regsub)
        .checked(check_regsub),
];

fn check_regsub(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    let flags = match args.get(2) {
        Some(Arg::Text(flags)) => &**flags,
        _ => "",
    };
    if let Some(flag) = flags.chars().find(|flag| !matches!(flag, 'i' | 'g')) {
        return Err(format!("invalid regex flag '{flag}', only 'i' and 'g' are supported"));
    }
    let ignore_case = flags.contains('i');
    if let Some(Arg::Text(pattern)) = args.first() {
        args[0] = Arg::Regex(Arc::new(Regex::new(pattern, ignore_case)?));
    }
    Ok(())
}

fn regsub<'a>(value: Value<'a>, call: Call<'a>) -> Option<Value<'a>> {
    let Some(Arg::Regex(regex)) = call.args.first() else { return None };
    let (template, all) = (call.text(1)?, call.text(2).is_some_and(|flags| flags.contains('g')));
    let text = value.into_bytes();
    match regex.replace(&text, template.as_bytes(), all) {
        Some(replaced) => Some(Value::str(replaced)),
        None => Some(Value::Str(text)),
    }
}
