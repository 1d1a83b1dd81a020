//! The request's URL and its parameters (manual section 7.3.6).

use super::http_header::{absent, never_comes, parse_ip};
use crate::http::RequestHead;
use crate::pick::{HashFunction, avalanche};
use crate::sample::args::{Kind, NONE, Spec, spec};
use crate::sample::keyword::{Call, Fetch, One, Prefer, Sink, all, one};
use crate::sample::value::leading_int;
use crate::sample::{Fetched, Side, Source, Type, Value};
use std::borrow::Cow;

const PARAM: Spec = spec(0, &[Kind::Str, Kind::Str]);
const URLP: Fetch =
    all("urlp", PARAM, Type::Str, Source::RequestHeaders, Prefer::First, |call, sink| parameters(call, sink));

pub const FETCHES: &[Fetch] = &[
    url_part("path", |call| with_head(call, |head| path(head).map(Value::str))),
    url_part("pathq", |call| with_head(call, |head| path(head).map(|_| Value::str(head.path_and_query())))),
    url_part("query", |call| {
        with_head(call, |head| memchr::memchr(b'?', head.path_and_query()).map(|_| Value::str(head.query())))
    }),
    url_part("url", |call| with_head(call, |head| Some(Value::str(head.uri())))),
    url_part("base", |call| with_head(call, |head| Some(Value::Str(base(head, path(head).unwrap_or_default()))))),
    url_part("baseq", |call| with_head(call, |head| Some(Value::Str(base(head, rest(head)))))),
    one("base32", NONE, Type::Int, Source::RequestHeaders, |call| {
        with_head(call, |head| Some(Value::Int(base32(head))))
    }),
    one("base32+src", NONE, Type::Bin, Source::RequestHeaders, |call| {
        with_head(call, |head| with_source(call, base32(head)))
    }),
    one("url32", NONE, Type::Int, Source::RequestHeaders, |call| with_head(call, |head| Some(Value::Int(url32(head))))),
    one("url32+src", NONE, Type::Bin, Source::RequestHeaders, |call| {
        with_head(call, |head| with_source(call, url32(head)))
    }),
    one("url_ip", NONE, Type::Ipv4, Source::RequestHeaders, |call| {
        with_head(call, |head| authority(head).and_then(|(host, _)| parse_ip(host)).map(Value::Ip))
    }),
    one("url_port", NONE, Type::Int, Source::RequestHeaders, |call| {
        with_head(call, |head| authority(head).map(|(_, port)| Value::Int(port)))
    }),
    URLP,
    URLP.alias("url_param"),
    all("urlp_val", PARAM, Type::Int, Source::RequestHeaders, Prefer::First, |call, sink| {
        parameters(call, &mut |value| sink(Value::Int(leading_int(&value.as_bytes()))))
    }),
];

const fn url_part(name: &'static str, run: One) -> Fetch {
    one(name, NONE, Type::Str, Source::RequestHeaders, run)
}

/// What `part` takes from the head, once it is here.
pub(super) fn with_head<'a>(call: Call<'a>, part: impl FnOnce(&'a RequestHead) -> Option<Value<'a>>) -> Fetched<'a> {
    match call.context.request() {
        Some(head) => part(head).into(),
        None => absent(call),
    }
}

/// The path, where the target has one: `*` and `host:port` have none.
fn path(head: &RequestHead) -> Option<&[u8]> {
    let path = head.path();
    path.starts_with(b"/").then_some(path)
}

/// The path with its query.
fn rest(head: &RequestHead) -> &[u8] {
    if path(head).is_some() { head.path_and_query() } else { b"" }
}

/// The first value of `Host`, and this.
fn base<'a>(head: &'a RequestHead, path: &'a [u8]) -> Cow<'a, [u8]> {
    match head.headers.get(b"host") {
        None => Cow::Borrowed(path),
        Some(host) => Cow::Owned([host, path].concat()),
    }
}

fn base32(head: &RequestHead) -> i64 {
    hash_of_host_and(head, path(head).unwrap_or_default())
}

fn url32(head: &RequestHead) -> i64 {
    hash_of_host_and(head, rest(head))
}

/// SDBM of both, made an avalanche.
fn hash_of_host_and(head: &RequestHead, rest: &[u8]) -> i64 {
    let host = head.headers.get(b"host").unwrap_or_default();
    i64::from(avalanche(HashFunction::Sdbm.hash(&[host, rest].concat())))
}

/// The hash in 4 bytes, and the source's address.
fn with_source(call: Call<'_>, hash: i64) -> Option<Value<'_>> {
    let address = call.context.connection(Side::Client)?.source?.ip()?;
    let mut bytes = (hash as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&Value::Ip(address).into_raw());
    Some(Value::bin(bytes))
}

/// Host and port of an absolute target.
fn authority(head: &RequestHead) -> Option<(&[u8], i64)> {
    let uri = head.uri();
    let scheme = uri.windows(3).position(|part| part == b"://")?;
    let rest = &uri[scheme + 3..];
    let authority = &rest[..rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len())];
    match authority.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !authority.ends_with(b"]") => Some((&authority[..colon], leading_int(&authority[colon + 1..]))),
        _ => Some((authority, 80)),
    }
}

/// Shows the values of the parameter behind `?` or the delimiter.
fn parameters<'a>(call: Call<'a>, sink: Sink<'_, 'a>) -> bool {
    let Some(head) = call.context.request() else { return never_comes(call) };
    let delimiter = call.name(1).map_or(b'?', |text| text.as_bytes()[0]);
    let uri = head.uri();
    let Some(start) = memchr::memchr(delimiter, uri) else { return true };
    let ends = |byte: u8| byte == b'&' || byte == b';' || byte == delimiter;
    named(&uri[start + 1..], call.name(0), &ends, &mut |value| sink(Value::str(value)));
    true
}

/// Goes through `name=value` pairs; without a name through all of them.
pub(super) fn named<'a>(
    text: &'a [u8],
    name: Option<&str>,
    ends: &dyn Fn(u8) -> bool,
    show: &mut dyn FnMut(&'a [u8]) -> bool,
) {
    for pair in text.split(|byte| ends(*byte)) {
        let Some(equals) = memchr::memchr(b'=', pair) else { continue };
        if name.is_none_or(|name| name.as_bytes() == &pair[..equals]) && !show(&pair[equals + 1..]) {
            return;
        }
    }
}
