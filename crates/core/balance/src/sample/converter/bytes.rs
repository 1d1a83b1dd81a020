//! Parts of bytes: slices, fields, words, and numbers in them.

use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::keyword::{Call, Converter, converter};
use crate::sample::{Env, Type, Value};
use std::borrow::Cow;
use std::ops::Range;

pub const CONVERTERS: &[Converter] = &[
    converter("bytes", spec(1, &[Kind::Int, Kind::Int]), Type::Bin, Type::Bin, |value, call| {
        let bytes = value.into_raw();
        let start = usize::try_from(call.int(0)?).ok()?.min(bytes.len());
        let length = call.int(1).map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
        let end = start.saturating_add(length).min(bytes.len());
        Some(Value::Bin(slice(bytes, start..end)))
    }),
    converter("field", spec(2, &[Kind::Int, Kind::Str, Kind::Int]), Type::Str, Type::Str, |value, call| {
        let (text, fields) = split(value, call, false)?;
        Some(Value::Str(slice(text, chosen(&fields, call)?)))
    })
    .checked(check_field),
    converter("word", spec(2, &[Kind::Int, Kind::Str, Kind::Int]), Type::Str, Type::Str, |value, call| {
        let (text, words) = split(value, call, true)?;
        // A word that is not there is empty.
        Some(Value::Str(slice(text, chosen(&words, call).unwrap_or_default())))
    })
    .checked(check_field),
    converter("be2dec", spec(1, &[Kind::Str, Kind::Int, Kind::Int]), Type::Bin, Type::Str, |value, call| {
        chunks(&value.into_raw(), call, |chunk, out| {
            let number = chunk.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            out.extend_from_slice(number.to_string().as_bytes());
        })
    })
    .checked(|args, _| check_chunk(args, true)),
    converter("be2hex", spec(0, &[Kind::Str, Kind::Int, Kind::Int]), Type::Bin, Type::Str, |value, call| {
        chunks(&value.into_raw(), call, |chunk, out| out.extend(super::encoding::hex(chunk)))
    })
    .checked(|args, _| check_chunk(args, false)),
    converter("htonl", NONE, Type::Int, Type::Bin, |value, _| {
        Some(Value::bin((value.as_int()? as u32).to_be_bytes().to_vec()))
    }),
    converter("length", NONE, Type::Str, Type::Int, |value, _| Some(Value::Int(value.as_bytes().len() as i64))),
];

/// A part of bytes, without copying what is borrowed.
pub(super) fn slice(bytes: Cow<'_, [u8]>, range: Range<usize>) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[range]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(range.end);
            bytes.drain(..range.start);
            Cow::Owned(bytes)
        }
    }
}

fn check_field(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match (args.first(), args.get(1)) {
        (Some(Arg::Int(0)), _) => Err("Unexpected value 0 for index".into()),
        (_, Some(Arg::Text(delimiters))) if delimiters.is_empty() => Err("Empty separators list".into()),
        _ => Ok(()),
    }
}

/// A text and where its parts are.
type Parts<'a> = (Cow<'a, [u8]>, Vec<Range<usize>>);

/// Where the parts between delimiters are; words leave out empty ones.
fn split<'a>(value: Value<'a>, call: Call<'a>, words: bool) -> Option<Parts<'a>> {
    let delimiters = call.text(1)?.as_bytes();
    let text = value.into_bytes();
    let mut parts = Vec::new();
    let mut start = 0;
    let ends = text.iter().enumerate().filter(|(_, byte)| delimiters.contains(byte)).map(|(place, _)| place);
    for end in ends.chain([text.len()]) {
        if !words || end > start {
            parts.push(start..end);
        }
        start = end + 1;
    }
    Some((text, parts))
}

/// From the part that the first argument names as many as the third says: 1 by default, 0 for all that follow. From
/// the end both are counted backwards.
fn chosen(parts: &[Range<usize>], call: Call<'_>) -> Option<Range<usize>> {
    let (index, count) = (call.int(0)?, call.int(2).unwrap_or(1));
    let count = if count <= 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) };
    let place = usize::try_from(index.unsigned_abs()).ok()?.checked_sub(1)?;
    let (first, last) = if index > 0 {
        (place, place.saturating_add(count - 1).min(parts.len().saturating_sub(1)))
    } else {
        let last = parts.len().checked_sub(place + 1)?;
        (last.saturating_sub(count - 1), last)
    };
    Some(parts.get(first)?.start..parts.get(last)?.end)
}

fn check_chunk(args: &mut [Arg], decimal: bool) -> Result<(), String> {
    let size = match args.get(1) {
        Some(Arg::Int(size)) => *size,
        _ if decimal || matches!(args.first(), Some(Arg::Text(text)) if !text.is_empty()) => 0,
        _ => return Ok(()),
    };
    match size {
        _ if decimal && !(1..=8).contains(&size) => Err(format!("chunk_size out of [1..8] range ({size})")),
        ..=0 => Err(format!("chunk_size needs to be positive ({size})")),
        _ => Ok(()),
    }
}

/// Chunks of the second argument's size, shown and joined by the first; the third leaves out a last shorter one.
fn chunks<'a>(bytes: &[u8], call: Call<'a>, show: fn(&[u8], &mut Vec<u8>)) -> Option<Value<'a>> {
    let separator = call.text(0).unwrap_or_default().as_bytes();
    let size = call.int(1).map_or(1, |size| usize::try_from(size).unwrap_or(1));
    let whole_only = call.int(2).is_some_and(|flag| flag != 0);
    let mut out = Vec::new();
    for (place, chunk) in bytes.chunks(size.max(1)).enumerate() {
        if whole_only && chunk.len() < size {
            break;
        }
        if place > 0 {
            out.extend_from_slice(separator);
        }
        show(chunk, &mut out);
    }
    Some(Value::str(out))
}
