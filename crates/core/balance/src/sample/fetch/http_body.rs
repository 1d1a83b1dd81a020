//! Bodies, as far as they are buffered (manual section 7.3.6).

use super::http_header::{absent, never_comes};
use super::http_url::named;
use crate::sample::args::{Kind, NONE, spec};
use crate::sample::keyword::{Call, Fetch, Prefer, all, one};
use crate::sample::{Fetched, Side, Source, Type, Value};

pub const FETCHES: &[Fetch] = &[
    one("req.body", NONE, Type::Bin, Source::RequestHeaders, |call| body(call, Side::Client)),
    one("res.body", NONE, Type::Bin, Source::ResponseHeaders, |call| body(call, Side::Server)),
    one("req.body_len", NONE, Type::Int, Source::RequestHeaders, |call| length(call, Side::Client)),
    one("res.body_len", NONE, Type::Int, Source::ResponseHeaders, |call| length(call, Side::Server)),
    one("req.body_size", NONE, Type::Int, Source::RequestHeaders, |call| size(call, Side::Client)),
    one("res.body_size", NONE, Type::Int, Source::ResponseHeaders, |call| size(call, Side::Server)),
    all("req.body_param", spec(0, &[Kind::Str]), Type::Bin, Source::RequestHeaders, Prefer::First, |call, sink| {
        let Some(body) = call.context.body(Side::Client) else { return never_comes(call) };
        named(body.bytes, call.name(0), &|byte| byte == b'&', &mut |value| sink(Value::str(value)));
        true
    }),
];

fn body(call: Call<'_>, side: Side) -> Fetched<'_> {
    call.context.body(side).map_or(absent(call), |body| Fetched::Found(Value::bin(body.bytes)))
}

fn length(call: Call<'_>, side: Side) -> Fetched<'_> {
    let length = call.context.body(side).map(|body| body.bytes.len() as i64);
    length.map_or(absent(call), |length| Fetched::Found(Value::Int(length)))
}

/// What the head promises; without a promise what is here.
fn size(call: Call<'_>, side: Side) -> Fetched<'_> {
    let size = call.context.body(side).map(|body| body.length.unwrap_or(body.bytes.len() as u64) as i64);
    size.map_or(absent(call), |size| Fetched::Found(Value::Int(size)))
}
