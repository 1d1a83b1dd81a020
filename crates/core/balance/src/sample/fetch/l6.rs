//! Fetches at layer 6: bytes as they came (manual section 7.3.5).

use super::http_header::here;
use super::tls_hello;
use crate::sample::args::{Arg, Kind, NONE, Spec, spec};
use crate::sample::keyword::{Call, Fetch, One, one};
use crate::sample::{Buffer, Env, Fetched, Side, Source, Type, Value};

const OFFSET_AND_LENGTH: Spec = spec(2, &[Kind::Int, Kind::Int]);
const LENGTH_VALUE: Spec = spec(2, &[Kind::Int, Kind::Int, Kind::Str]);
const COOKIE: Spec = spec(0, &[Kind::Str]);

const REQ_LEN: Fetch = one("req.len", NONE, Type::Int, Source::RequestBuffer, |call| length(call, Side::Client));
const RDP: Fetch = one("req.rdp_cookie", COOKIE, Type::Str, Source::RequestBuffer, |call| {
    let cookie = buffer(call, Side::Client).map(|buffer| (rdp_cookie(buffer.bytes, call.name(0)), buffer.complete));
    from_parser(cookie, Value::str)
});
const RDP_CNT: Fetch = one("req.rdp_cookie_cnt", COOKIE, Type::Int, Source::RequestBuffer, |call| {
    let cookie = buffer(call, Side::Client).map(|buffer| (rdp_cookie(buffer.bytes, call.name(0)), buffer.complete));
    from_parser(cookie, |_| Value::Int(1))
});
const PROTO_HTTP: Fetch =
    one("req.proto_http", NONE, Type::Bool, Source::Request, |call| match call.context.request() {
        Some(_) => Fetched::Found(Value::Bool(true)),
        None => match buffer(call, Side::Client) {
            Some(buffer) if buffer.bytes.starts_with(H2_PREFACE) => Fetched::Found(Value::Bool(true)),
            Some(buffer) if !buffer.complete && could_be_http(buffer.bytes) => Fetched::NotYet,
            _ => Fetched::Missing,
        },
    });
const HELLO_TYPE: Fetch = hello("req.ssl_hello_type", Type::Int, |call| {
    from_parser(hello_of(call, Side::Client), |hello| Value::Int(i64::from(hello.kind)))
});
const RES_HELLO_TYPE: Fetch = one("res.ssl_hello_type", NONE, Type::Int, Source::ResponseBuffer, |call| {
    from_parser(hello_of(call, Side::Server), |hello| Value::Int(i64::from(hello.kind)))
});
const SNI: Fetch =
    hello("req.ssl_sni", Type::Str, |call| optional(from_hello(call, |hello| hello.server_name().map(Value::str))));
const VERSION: Fetch = hello("req.ssl_ver", Type::Int, |call| {
    let version = buffer(call, Side::Client).map(|buffer| (tls_hello::version(buffer.bytes), buffer.complete));
    from_parser(version, |version| Value::Int(i64::from(version)))
});

pub const FETCHES: &[Fetch] = &[
    REQ_LEN,
    REQ_LEN.alias("req_len"),
    one("res.len", NONE, Type::Int, Source::ResponseBuffer, |call| length(call, Side::Server)),
    one("req.payload", OFFSET_AND_LENGTH, Type::Bin, Source::RequestBuffer, |call| payload(call, Side::Client)),
    one("res.payload", OFFSET_AND_LENGTH, Type::Bin, Source::ResponseBuffer, |call| payload(call, Side::Server)),
    one("payload", OFFSET_AND_LENGTH, Type::Bin, Source::EitherBuffer, |call| payload(call, here(call))),
    one("req.payload_lv", LENGTH_VALUE, Type::Bin, Source::RequestBuffer, |call| payload_lv(call, Side::Client))
        .checked(check_lv),
    one("res.payload_lv", LENGTH_VALUE, Type::Bin, Source::ResponseBuffer, |call| payload_lv(call, Side::Server))
        .checked(check_lv),
    one("payload_lv", LENGTH_VALUE, Type::Bin, Source::EitherBuffer, |call| payload_lv(call, here(call)))
        .checked(check_lv),
    PROTO_HTTP,
    PROTO_HTTP.alias("req_proto_http"),
    RDP,
    RDP.alias("rdp_cookie"),
    RDP_CNT,
    RDP_CNT.alias("rdp_cookie_cnt"),
    HELLO_TYPE,
    HELLO_TYPE.alias("req_ssl_hello_type"),
    RES_HELLO_TYPE,
    RES_HELLO_TYPE.alias("rep_ssl_hello_type"),
    SNI,
    SNI.alias("req_ssl_sni"),
    VERSION,
    VERSION.alias("req_ssl_ver"),
    hello("req.ssl_alpn", Type::Str, |call| optional(from_hello(call, |hello| hello.alpn().map(Value::str)))),
    hello("req.ssl_ec_ext", Type::Bool, |call| {
        optional(from_hello(call, |hello| Some(Value::Bool(hello.extension(tls_hello::GROUPS).is_some()))))
    }),
    hello("req.ssl_st_ext", Type::Int, |call| {
        optional(from_hello(call, |hello| {
            Some(Value::Int(match hello.extension(tls_hello::SESSION_TICKET) {
                None => 0,
                Some(ticket) => 1 + i64::from(!ticket.is_empty()),
            }))
        }))
    }),
    one("wait_end", NONE, Type::Bool, Source::Internal, |call| {
        if call.context.is_final() { Fetched::Found(Value::Bool(true)) } else { Fetched::NotYet }
    }),
];

const fn hello(name: &'static str, output: Type, run: One) -> Fetch {
    one(name, NONE, output, Source::RequestBuffer, run)
}

/// The first line of HTTP/2's connection preface (RFC 9113 section 3.4).
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Whether bytes may be the beginning of a request.
pub(super) fn could_be_http(bytes: &[u8]) -> bool {
    let mut none = [];
    // A field that finds no room says that all before it is good.
    !matches!(httparse::Request::new(&mut none).parse(bytes), Err(error) if error != httparse::Error::TooManyHeaders)
}

/// What a parser of bytes says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed<T> {
    Found(T),
    /// It is something else.
    Other,
    TooShort,
}

fn buffer(call: Call<'_>, side: Side) -> Option<Buffer<'_>> {
    let buffer = call.context.buffer(side)?;
    Some(Buffer { complete: buffer.complete || call.context.is_final(), ..buffer })
}

fn from_parser<'a, T>(parsed: Option<(Parsed<T>, bool)>, value: impl FnOnce(T) -> Value<'a>) -> Fetched<'a> {
    match parsed {
        Some((Parsed::Found(found), _)) => Fetched::Found(value(found)),
        Some((Parsed::TooShort, false)) => Fetched::NotYet,
        _ => Fetched::Missing,
    }
}

fn hello_of(call: Call<'_>, side: Side) -> Option<(Parsed<tls_hello::Hello<'_>>, bool)> {
    buffer(call, side).map(|buffer| (tls_hello::parse(buffer.bytes), buffer.complete))
}

fn from_hello<'a>(
    call: Call<'a>,
    part: fn(tls_hello::Hello<'a>) -> Option<Value<'a>>,
) -> Result<Option<Value<'a>>, Fetched<'a>> {
    match hello_of(call, Side::Client) {
        Some((Parsed::Found(hello), _)) => Ok(part(hello)),
        Some((Parsed::TooShort, false)) => Err(Fetched::NotYet),
        _ => Err(Fetched::Missing),
    }
}

fn optional<'a>(value: Result<Option<Value<'a>>, Fetched<'a>>) -> Fetched<'a> {
    value.map_or_else(|other| other, Fetched::from)
}

/// More bytes make it longer.
fn length(call: Call<'_>, side: Side) -> Fetched<'_> {
    let Some(buffer) = buffer(call, side) else { return Fetched::Missing };
    let value = Value::Int(buffer.bytes.len() as i64);
    if buffer.complete { Fetched::Found(value) } else { Fetched::Changing(value) }
}

fn payload(call: Call<'_>, side: Side) -> Fetched<'_> {
    let (Some(buffer), Some(offset), Some(length)) = (buffer(call, side), place(call, 0), place(call, 1)) else {
        return Fetched::Missing;
    };
    match length {
        0 if offset <= buffer.bytes.len() => {
            let value = Value::bin(&buffer.bytes[offset..]);
            if buffer.complete { Fetched::Found(value) } else { Fetched::Changing(value) }
        }
        _ => cut(buffer, offset, length),
    }
}

fn cut(buffer: Buffer<'_>, offset: usize, length: usize) -> Fetched<'_> {
    match offset.checked_add(length).and_then(|end| buffer.bytes.get(offset..end)) {
        Some(bytes) => Fetched::Found(Value::bin(bytes)),
        None if buffer.complete => Fetched::Missing,
        None => Fetched::NotYet,
    }
}

fn place(call: Call<'_>, argument: usize) -> Option<usize> {
    call.int(argument).and_then(|value| usize::try_from(value).ok())
}

/// A length in network order, and that many bytes, right behind it or where the third argument says.
fn payload_lv(call: Call<'_>, side: Side) -> Fetched<'_> {
    let (Some(buffer), Some(offset), Some(size)) = (buffer(call, side), place(call, 0), place(call, 1)) else {
        return Fetched::Missing;
    };
    let Some(end) = offset.checked_add(size) else { return Fetched::Missing };
    let Some(field) = buffer.bytes.get(offset..end) else {
        return if buffer.complete { Fetched::Missing } else { Fetched::NotYet };
    };
    let length = field.iter().fold(0_usize, |sum, byte| sum.wrapping_shl(8) | usize::from(*byte));
    let start = match call.text(2) {
        None | Some("") => Some(end),
        Some(text) if text.starts_with(['+', '-']) => {
            text.parse::<isize>().ok().and_then(|distance| end.checked_add_signed(distance))
        }
        Some(text) => text.parse().ok(),
    };
    start.map_or(Fetched::Missing, |start| cut(buffer, start, length))
}

fn check_lv(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.get(1) {
        Some(Arg::Int(length)) if *length <= 0 => return Err("payload length must be > 0".into()),
        _ => {}
    }
    match args.get(2) {
        Some(Arg::Text(text)) if !text.is_empty() && text.parse::<i64>().is_err() => {
            Err("payload offset2 is not a number".into())
        }
        _ => Ok(()),
    }
}

/// The cookie in an RDP connection request (TPKT, X.224, then `Cookie: name=value` and an end of line).
pub(crate) fn rdp_cookie<'a>(bytes: &'a [u8], name: Option<&str>) -> Parsed<&'a [u8]> {
    const HEADER: usize = 11;
    const FIELD: &[u8] = b"Cookie:";
    let Some((field, rest)) = bytes.get(HEADER..).and_then(|rest| rest.split_at_checked(FIELD.len())) else {
        return Parsed::TooShort;
    };
    if !field.eq_ignore_ascii_case(FIELD) {
        return Parsed::Other;
    }
    let rest = rest.trim_ascii_start();
    let Some(equals) = rest.iter().position(|byte| matches!(byte, b'=' | b'\r' | b'\n')) else {
        return Parsed::TooShort;
    };
    let matches = name.is_none_or(|name| rest[..equals].eq_ignore_ascii_case(name.as_bytes()));
    if rest[equals] != b'=' || !matches {
        return Parsed::Other;
    }
    let value = &rest[equals + 1..];
    match memchr::memchr(b'\r', value) {
        Some(end) if value.get(end + 1) == Some(&b'\n') => Parsed::Found(&value[..end]),
        Some(end) if end + 1 < value.len() => Parsed::Other,
        _ => Parsed::TooShort,
    }
}
