//! JSON Web Tokens in compact form (RFC 7519, RFC 7515).

use super::digest::Algorithm;
use super::encoding::url_base64;
use super::json::{check_output, query};
use crate::sample::args::{Arg, Kind, spec};
use crate::sample::keyword::{Call, Converter, converter};
use crate::sample::{Env, Type, Value, Var};

const QUERY: crate::sample::args::Spec = spec(0, &[Kind::Str, Kind::Str]);

pub const CONVERTERS: &[Converter] = &[
    converter("jwt_header_query", QUERY, Type::Bin, Type::Any, |value, call| part(value, call, 0))
        .checked(|args, _| check_output(args, 1)),
    converter("jwt_payload_query", QUERY, Type::Bin, Type::Any, |value, call| part(value, call, 1))
        .checked(|args, _| check_output(args, 1)),
    converter("jwt_verify", spec(2, &[Kind::Str, Kind::Str]), Type::Bin, Type::Int, |value, call| {
        verify(&value.into_raw(), call).map(Value::Int)
    })
    .checked(check_verify),
];

/// What `jwt_verify` says (manual section 7.3.1).
const FAILURE: i64 = 0;
const SUCCESS: i64 = 1;
const UNKNOWN_ALGORITHM: i64 = -1;
const UNMANAGED_ALGORITHM: i64 = -2;
const INVALID_TOKEN: i64 = -3;
const UNKNOWN_CERTIFICATE: i64 = -5;

/// Header or payload: all of it, or what a JSON path finds there.
fn part<'a>(token: Value<'a>, call: Call<'a>, place: usize) -> Option<Value<'a>> {
    let token = token.into_raw();
    let text = url_base64(token.split(|byte| *byte == b'.').nth(place)?)?;
    match call.name(0) {
        None => Some(Value::str(text)),
        Some(path) => query(&text, path, call.text(1) == Some("int")),
    }
}

fn check_verify(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    for place in [0, 1] {
        let Some(Arg::Text(text)) = args.get(place) else { continue };
        let text = text.clone();
        if let Ok(var) = Var::parse(&text) {
            args[place] = Arg::Var(var);
        } else if place == 0 {
            match known(&text) {
                Known::Hmac(_) => {}
                Known::Other => {
                    return Err(format!(
                        "JWT algorithm {text} is not supported: signatures are checked with HS256, HS384 and HS512"
                    ));
                }
                Known::Unmanaged | Known::No => return Err(format!("unknown JWT algorithm: {text}")),
            }
        }
    }
    Ok(())
}

enum Known {
    Hmac(Algorithm),
    /// Signatures with certificates.
    Other,
    Unmanaged,
    No,
}

fn known(name: &str) -> Known {
    match name {
        "HS256" => Known::Hmac(Algorithm::Sha256),
        "HS384" => Known::Hmac(Algorithm::Sha384),
        "HS512" => Known::Hmac(Algorithm::Sha512),
        "RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "ES512" => Known::Other,
        "PS256" | "PS384" | "PS512" => Known::Unmanaged,
        _ => Known::No,
    }
}

fn verify(token: &[u8], call: Call<'_>) -> Option<i64> {
    let name = call.bytes(0)?;
    let algorithm = match known(std::str::from_utf8(&name).ok()?) {
        Known::Hmac(algorithm) => algorithm,
        Known::Other => return Some(UNKNOWN_CERTIFICATE),
        Known::Unmanaged => return Some(UNMANAGED_ALGORITHM),
        Known::No => return Some(UNKNOWN_ALGORITHM),
    };
    let key = call.bytes(1)?;
    let dots = token.iter().filter(|byte| **byte == b'.').count();
    let Some(end) = memchr::memrchr(b'.', token).filter(|_| dots == 2) else { return Some(INVALID_TOKEN) };
    let Some(signature) = url_base64(&token[end + 1..]) else { return Some(INVALID_TOKEN) };
    let right = algorithm.hmac(&key, &token[..end]);
    // In a time that does not depend on where they differ.
    let differs =
        right.len() != signature.len() || right.iter().zip(&signature).fold(0, |sum, (a, b)| sum | (a ^ b)) != 0;
    Some(if differs { FAILURE } else { SUCCESS })
}
