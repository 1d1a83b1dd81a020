//! Fields of protocol buffers messages, by their numbers (protobuf encoding, gRPC over HTTP/2).

use crate::sample::args::{Arg, Kind, Spec, spec};
use crate::sample::keyword::{Call, Converter, converter};
use crate::sample::{Env, Type, Value};

const FIELD: Spec = spec(1, &[Kind::Field, Kind::Str]);

/// What stands before a message in gRPC: a flag of compression and its length in 4 bytes.
const GRPC_HEADER: usize = 5;

pub const CONVERTERS: &[Converter] = &[
    converter("protobuf", FIELD, Type::Bin, Type::Bin, |value, call| field(&value.into_raw(), call))
        .checked(check_type),
    converter("ungrpc", FIELD, Type::Bin, Type::Bin, |value, call| {
        let bytes = value.into_raw();
        let (header, rest) = bytes.split_at_checked(GRPC_HEADER)?;
        let length = u32::from_be_bytes(header[1..].try_into().ok()?) as usize;
        field(rest.get(..length).unwrap_or(rest), call)
    })
    .checked(check_type),
];

/// How the bytes of a field are a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    /// int32, int64, uint32, uint64, bool, enum.
    Varint,
    /// sint32, sint64: the lowest bit is the sign.
    Zigzag,
    Fixed,
    Signed,
    Float,
}

const TYPES: [(&str, Number); 14] = [
    ("int32", Number::Varint),
    ("uint32", Number::Varint),
    ("sint32", Number::Zigzag),
    ("int64", Number::Varint),
    ("uint64", Number::Varint),
    ("sint64", Number::Zigzag),
    ("bool", Number::Varint),
    ("enum", Number::Varint),
    ("fixed32", Number::Fixed),
    ("fixed64", Number::Fixed),
    ("sfixed32", Number::Signed),
    ("sfixed64", Number::Signed),
    ("float", Number::Float),
    ("double", Number::Float),
];

fn check_type(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.get(1) {
        Some(Arg::Text(name)) if !name.is_empty() && number(name).is_none() => {
            Err(format!("wrong protocol buffers type '{name}'"))
        }
        _ => Ok(()),
    }
}

fn number(name: &str) -> Option<Number> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// A field as it stands in the message.
enum Found<'m> {
    Varint(u64),
    Bytes(&'m [u8]),
}

fn field<'a>(message: &[u8], call: Call<'a>) -> Option<Value<'a>> {
    let Some(Arg::Fields(path)) = call.args.first() else { return None };
    let (last, before) = path.split_last()?;
    let mut message = message;
    for wanted in before {
        let Found::Bytes(inner) = find(message, *wanted)? else { return None };
        message = inner;
    }
    Some(match (find(message, *last)?, call.name(1).and_then(number)) {
        (Found::Varint(value), None | Some(Number::Varint)) if call.name(1).is_some() => Value::Int(value as i64),
        (Found::Varint(value), Some(Number::Zigzag)) => Value::Int((value >> 1) as i64 ^ -((value & 1) as i64)),
        (Found::Varint(value), None) => Value::bin(varint_bytes(value)),
        (Found::Bytes(bytes), None) => Value::bin(bytes.to_vec()),
        (Found::Bytes(bytes), Some(kind)) => fixed(bytes, kind)?,
        (Found::Varint(_), Some(_)) => return None,
    })
}

fn fixed(bytes: &[u8], kind: Number) -> Option<Value<'static>> {
    Some(Value::Int(match (kind, bytes.len()) {
        (Number::Fixed, 4) => i64::from(u32::from_le_bytes(bytes.try_into().ok()?)),
        (Number::Signed, 4) => i64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
        (Number::Fixed | Number::Signed, 8) => i64::from_le_bytes(bytes.try_into().ok()?),
        (Number::Float, 4) => f32::from_le_bytes(bytes.try_into().ok()?) as i64,
        (Number::Float, 8) => f64::from_le_bytes(bytes.try_into().ok()?) as i64,
        _ => return None,
    }))
}

fn find(message: &[u8], wanted: u32) -> Option<Found<'_>> {
    let mut rest = message;
    loop {
        let (key, after) = varint(rest)?;
        let (found, after) = match key & 7 {
            0 => {
                let (value, after) = varint(after)?;
                (Found::Varint(value), after)
            }
            1 => after.split_at_checked(8).map(|(bytes, after)| (Found::Bytes(bytes), after))?,
            2 => {
                let (length, after) = varint(after)?;
                let (bytes, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
                (Found::Bytes(bytes), after)
            }
            5 => after.split_at_checked(4).map(|(bytes, after)| (Found::Bytes(bytes), after))?,
            _ => return None,
        };
        if key >> 3 == u64::from(wanted) {
            return Some(found);
        }
        rest = after;
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * place as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

fn varint_bytes(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
