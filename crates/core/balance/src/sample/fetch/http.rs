//! First lines of requests and responses, captures (manual section 7.3.6).

use super::http_header::absent;
use super::http_url::with_head;
use crate::http::head::path_and_query_of;
use crate::sample::args::{Kind, NONE, spec};
use crate::sample::keyword::{Call, Fetch, one};
use crate::sample::{Fetched, Side, Source, Type, Value};

const REQ_VER: Fetch = one("req.ver", NONE, Type::Str, Source::RequestHeaders, |call| {
    with_head(call, |head| Some(Value::text(number(head.version.as_str()))))
});
const RES_VER: Fetch = one("res.ver", NONE, Type::Str, Source::ResponseHeaders, |call| {
    let head = call.context.response();
    head.map_or(absent(call), |head| Fetched::Found(Value::text(number(head.version.as_str()))))
});

pub const FETCHES: &[Fetch] = &[
    one("method", NONE, Type::Method, Source::Request, |call| {
        with_head(call, |head| Some(Value::Method(head.method().into())))
    }),
    REQ_VER,
    REQ_VER.alias("req_ver"),
    RES_VER,
    RES_VER.alias("resp_ver"),
    one("status", NONE, Type::Int, Source::Response, |call| {
        call.context.status().map(|status| Value::Int(i64::from(status))).into()
    }),
    one("http_first_req", NONE, Type::Bool, Source::Request, |call| {
        Fetched::Found(Value::Bool(call.context.first_request()))
    }),
    one("capture.req.hdr", spec(1, &[Kind::Int]), Type::Str, Source::Request, |call| capture(call, Side::Client)),
    one("capture.res.hdr", spec(1, &[Kind::Int]), Type::Str, Source::Response, |call| capture(call, Side::Server)),
    one("capture.req.method", NONE, Type::Str, Source::Request, |call| {
        with_head(call, |head| Some(Value::str(head.as_came().0)))
    }),
    one("capture.req.uri", NONE, Type::Str, Source::Request, |call| {
        with_head(call, |head| Some(Value::str(path_and_query_of(head.as_came().1))))
    }),
    one("capture.req.ver", NONE, Type::Str, Source::Request, |call| {
        with_head(call, |head| Some(Value::text(head.version.as_str())))
    }),
    one("capture.res.ver", NONE, Type::Str, Source::Request, |call| {
        call.context.response().map(|head| Value::text(head.version.as_str())).into()
    }),
    one("res.comp", NONE, Type::Bool, Source::Response, |call| {
        Fetched::Found(Value::Bool(call.context.compression().is_some()))
    }),
    one("res.comp_algo", NONE, Type::Str, Source::Response, |call| call.context.compression().map(Value::text).into()),
    one("last_rule_file", NONE, Type::Str, Source::Internal, |call| {
        call.context.last_rule().map(|(file, _)| Value::text(file)).into()
    }),
    one("last_rule_line", NONE, Type::Int, Source::Internal, |call| {
        call.context.last_rule().map(|(_, line)| Value::Int(i64::from(line))).into()
    }),
];

/// `1.1` of `HTTP/1.1`.
fn number(version: &'static str) -> &'static str {
    version.strip_prefix("HTTP/").unwrap_or(version)
}

fn capture(call: Call<'_>, side: Side) -> Fetched<'_> {
    let slot = call.int(0).and_then(|slot| usize::try_from(slot).ok());
    slot.and_then(|slot| call.context.capture(side, slot)).map(Value::str).into()
}
