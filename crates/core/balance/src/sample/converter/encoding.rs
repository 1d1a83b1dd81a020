//! Encodings: hexadecimal, base64, URLs.

use crate::sample::args::{Arg, Kind, NONE, spec};
use crate::sample::keyword::{Converter, converter};
use crate::sample::{Env, Type, Value};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::borrow::Cow;

pub const CONVERTERS: &[Converter] = &[
    converter("hex", NONE, Type::Bin, Type::Str, |value, _| Some(Value::str(hex(&value.into_raw())))),
    converter("hex2i", NONE, Type::Str, Type::Int, |value, _| {
        let text = value.into_bytes();
        text.iter()
            .try_fold(0_i64, |sum, byte| Some(sum << 4 | i64::from((*byte as char).to_digit(16)?)))
            .map(Value::Int)
    }),
    converter("base64", NONE, Type::Bin, Type::Str, |value, _| Some(Value::text(STANDARD.encode(value.into_raw())))),
    converter("b64dec", NONE, Type::Str, Type::Bin, |value, _| {
        STANDARD.decode(value.into_bytes()).ok().map(Value::bin)
    }),
    converter("ub64enc", NONE, Type::Bin, Type::Str, |value, _| {
        Some(Value::text(URL_SAFE_NO_PAD.encode(value.into_raw())))
    }),
    converter("ub64dec", NONE, Type::Str, Type::Bin, |value, _| url_base64(&value.into_bytes()).map(Value::bin)),
    converter("url_dec", spec(0, &[Kind::Int]), Type::Str, Type::Str, |value, call| {
        let form = call.int(0).is_some_and(|flag| flag != 0);
        decode_url(value.into_bytes(), form).map(Value::Str)
    }),
    converter("url_enc", spec(1, &[Kind::Str]), Type::Str, Type::Str, |value, _| {
        Some(Value::Str(encode_url(value.into_bytes())))
    })
    .checked(check_url_enc),
];

pub(crate) fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

/// base64url, with or without padding.
pub(super) fn url_base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |place| place + 1);
    URL_SAFE_NO_PAD.decode(&text[..end]).ok()
}

fn check_url_enc(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.first() {
        Some(Arg::Text(text)) if !text.is_empty() && &**text != "query" => {
            Err("Unexpected encode type. Allowed value is 'query'".into())
        }
        _ => Ok(()),
    }
}

/// `None` where `%` is not followed by two digits. `+` is a blank behind `?`, in forms everywhere.
fn decode_url(text: Cow<'_, [u8]>, form: bool) -> Option<Cow<'_, [u8]>> {
    if memchr::memchr2(b'%', b'+', &text).is_none() {
        return Some(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut in_query = form;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let mut digit = || (bytes.next()? as char).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            b'+' if in_query => b' ',
            byte => {
                in_query |= byte == b'?';
                byte
            }
        });
    }
    Some(Cow::Owned(plain))
}

/// All but RFC 3986's unreserved characters.
fn encode_url(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if text.iter().all(|byte| plain(*byte)) {
        return text;
    }
    let mut coded = Vec::with_capacity(text.len() + 16);
    for byte in text.iter().copied() {
        if plain(byte) {
            coded.push(byte);
        } else {
            coded.push(b'%');
            coded.extend(hex(&[byte]));
        }
    }
    Cow::Owned(coded)
}
