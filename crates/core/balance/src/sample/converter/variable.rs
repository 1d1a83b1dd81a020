//! Variables: setting, joining, comparing; captures; numbers of what a sample names.

use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::context::{BackendNumber, ServerNumber};
use crate::sample::keyword::{Call, Converter, converter};
use crate::sample::{Env, Side, Type, Value, Var};
use std::borrow::Cow;

/// Conditions that `set-var` may be given.
pub(crate) const CONDITIONS: [&str; 8] =
    ["ifexists", "ifnotexists", "ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt"];

pub const CONVERTERS: &[Converter] = &[
    converter(
        "set-var",
        spec(1, &[Kind::Str, Kind::Str, Kind::Str, Kind::Str, Kind::Str]),
        Type::Any,
        Type::Any,
        set_var,
    )
    .checked(check_set_var),
    converter("unset-var", spec(1, &[Kind::Str]), Type::Any, Type::Any, |value, call| {
        call.context.set_var(call.var(0)?, None);
        Some(value)
    })
    .checked(check_var),
    converter("concat", spec(1, &[Kind::Str, Kind::Str, Kind::Str]), Type::Str, Type::Str, concat)
        .checked(|args, _| register(args, 1)),
    converter("add_item", spec(2, &[Kind::Str, Kind::Str, Kind::Str]), Type::Str, Type::Str, add_item)
        .checked(check_add_item),
    converter("strcmp", spec(1, &[Kind::Str]), Type::Str, Type::Int, |value, call| {
        let other = value_of(call, 0)?;
        Some(Value::Int(compare(&value.as_bytes(), &other.as_bytes())))
    })
    .checked(|args, _| register(args, 0)),
    converter("secure_memcmp", spec(1, &[Kind::Str]), Type::Bin, Type::Bool, |value, call| {
        let other = value_of(call, 0)?.into_raw();
        Some(Value::Bool(same(&value.into_raw(), &other)))
    })
    .checked(|args, _| register(args, 0)),
    converter("capture-req", spec(1, &[Kind::Int]), Type::Str, Type::Str, |value, call| {
        capture(value, call, Side::Client)
    }),
    converter("capture-res", spec(1, &[Kind::Int]), Type::Str, Type::Str, |value, call| {
        capture(value, call, Side::Server)
    }),
    converter("nbsrv", NONE, Type::Str, Type::Int, |value, call| {
        let name = value.into_bytes();
        let name = std::str::from_utf8(&name).ok()?;
        call.context.backend_number(BackendNumber::Nbsrv, Some(name)).map(Value::Int)
    }),
    converter("srv_queue", NONE, Type::Str, Type::Int, |value, call| {
        let name = value.into_bytes();
        let name = std::str::from_utf8(&name).ok()?;
        let (backend, server) = name.split_once('/').map_or((None, name), |(backend, name)| (Some(backend), name));
        call.context.server_number(ServerNumber::Queue, backend, server).map(Value::Int)
    }),
    // Its output goes to a ring that nobody reads here.
    converter("debug", spec(0, &[Kind::Str, Kind::Str]), Type::Any, Type::Any, |value, _| Some(value)),
];

/// The value of the variable that an argument names.
pub(super) fn value_of(call: Call<'_>, place: usize) -> Option<Value<'static>> {
    call.context.var(call.var(place)?)
}

fn check_var(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    if let Some(Arg::Text(text)) = args.first() {
        args[0] = Arg::Var(Var::parse(text)?);
    }
    Ok(())
}

/// Makes the text at this place a variable, if it is there and not empty.
fn register(args: &mut [Arg], place: usize) -> Result<(), String> {
    if let Some(Arg::Text(text)) = args.get(place)
        && !text.is_empty()
    {
        args[place] = Arg::Var(Var::parse(text).map_err(|_| format!("failed to register variable name '{text}'"))?);
    }
    Ok(())
}

fn check_set_var(args: &mut [Arg], env: Env<'_>) -> Result<(), String> {
    check_var(args, env)?;
    for arg in &args[1..] {
        if let Arg::Text(text) = arg
            && !CONDITIONS.contains(&&**text)
        {
            return Err(format!("unknown condition \"{text}\""));
        }
    }
    Ok(())
}

fn set_var<'a>(value: Value<'a>, call: Call<'a>) -> Option<Value<'a>> {
    let var = call.var(0)?;
    let set = (1..call.args.len())
        .all(|place| condition(call.text(place).unwrap_or_default(), || call.context.var(var), &value));
    if set {
        call.context.set_var(var, Some(value.clone().into_owned()));
    }
    Some(value)
}

/// Whether a condition of `set-var` holds before the variable is set.
pub(crate) fn condition(name: &str, before: impl Fn() -> Option<Value<'static>>, value: &Value<'_>) -> bool {
    let is_empty = matches!(value, Value::Str(text) | Value::Bin(text) if text.is_empty());
    match name {
        "ifexists" | "ifset" => before().is_some(),
        "ifnotexists" | "ifnotset" => before().is_none(),
        "ifempty" => is_empty,
        "ifnotempty" => !is_empty,
        "ifgt" | "iflt" => match (before(), value) {
            (Some(Value::Int(before)), Value::Int(value)) if name == "ifgt" => before > *value,
            (Some(Value::Int(before)), Value::Int(value)) => before < *value,
            _ => true,
        },
        _ => true,
    }
}

fn concat<'a>(value: Value<'a>, call: Call<'a>) -> Option<Value<'a>> {
    let mut text = value.into_bytes().into_owned();
    text.extend_from_slice(call.text(0).unwrap_or_default().as_bytes());
    if let Some(middle) = value_of(call, 1) {
        text.extend_from_slice(&middle.as_bytes());
    }
    text.extend_from_slice(call.text(2).unwrap_or_default().as_bytes());
    Some(Value::str(text))
}

fn check_add_item(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    let empty = |place| matches!(args.get(place), None | Some(Arg::Text(_))) && text_at(args, place).is_empty();
    if empty(1) && empty(2) {
        return Err("one of the optional arguments has to be nonempty".into());
    }
    register(args, 1)
}

fn text_at(args: &[Arg], place: usize) -> &str {
    match args.get(place) {
        Some(Arg::Text(text)) => text,
        _ => "",
    }
}

/// As `concat`, with the delimiter only between things that are there.
fn add_item<'a>(value: Value<'a>, call: Call<'a>) -> Option<Value<'a>> {
    let mut text = value.into_bytes().into_owned();
    let middle = value_of(call, 1);
    let suffix = call.text(2).unwrap_or_default();
    let middle = middle.as_ref().map_or(Cow::Borrowed(&b""[..]), Value::as_bytes);
    if !text.is_empty() && (!middle.is_empty() || !suffix.is_empty()) {
        text.extend_from_slice(call.text(0).unwrap_or_default().as_bytes());
    }
    text.extend_from_slice(&middle);
    text.extend_from_slice(suffix.as_bytes());
    Some(Value::str(text))
}

/// As `strcmp(3)`: the difference of the first bytes that differ, else the longer one is greater.
fn compare(left: &[u8], right: &[u8]) -> i64 {
    let differing = left.iter().zip(right).find(|(a, b)| a != b);
    match differing {
        Some((a, b)) => i64::from(*a) - i64::from(*b),
        None => (left.len() as i64 - right.len() as i64).signum(),
    }
}

/// In a time that tells only the lengths.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn capture<'a>(value: Value<'a>, call: Call<'a>, side: Side) -> Option<Value<'a>> {
    if let Some(slot) = call.int(0).and_then(|slot| usize::try_from(slot).ok()) {
        call.context.set_capture(side, slot, &value.as_bytes());
    }
    Some(value)
}
