//! Cookies of requests and responses (manual section 7.3.6).

use super::http_header::{absent, headers, here, never_comes};
use crate::sample::args::{Kind, Spec, spec};
use crate::sample::keyword::{Call, Fetch, Prefer, Sink, all, one};
use crate::sample::value::leading_int;
use crate::sample::{Fetched, Side, Source, Type, Value};

const NAME: Spec = spec(0, &[Kind::Str]);

const COOK: Fetch = all("req.cook", NAME, Type::Str, Source::RequestHeaders, Prefer::Last, |call, sink| {
    cookies(call, Side::Client, &mut |value| sink(Value::str(value)))
});
const SCOOK: Fetch = all("res.cook", NAME, Type::Str, Source::ResponseHeaders, Prefer::Last, |call, sink| {
    cookies(call, Side::Server, &mut |value| sink(Value::str(value)))
});
const COOK_CNT: Fetch = one("req.cook_cnt", NAME, Type::Int, Source::RequestHeaders, |call| count(call, Side::Client));
const SCOOK_CNT: Fetch =
    one("res.cook_cnt", NAME, Type::Int, Source::ResponseHeaders, |call| count(call, Side::Server));
const COOK_VAL: Fetch = all("req.cook_val", NAME, Type::Int, Source::RequestHeaders, Prefer::Last, |call, sink| {
    numbers(call, Side::Client, sink)
});
const SCOOK_VAL: Fetch = all("res.cook_val", NAME, Type::Int, Source::ResponseHeaders, Prefer::Last, |call, sink| {
    numbers(call, Side::Server, sink)
});

pub const FETCHES: &[Fetch] = &[
    COOK,
    COOK.alias("cook"),
    SCOOK,
    SCOOK.alias("scook"),
    SCOOK.alias("set-cookie"),
    COOK_CNT,
    COOK_CNT.alias("cook_cnt"),
    SCOOK_CNT,
    SCOOK_CNT.alias("scook_cnt"),
    COOK_VAL,
    COOK_VAL.alias("cook_val"),
    SCOOK_VAL,
    SCOOK_VAL.alias("scook_val"),
    all("cookie", NAME, Type::Str, Source::EitherHeaders, Prefer::Last, |call, sink| {
        cookies(call, here(call), &mut |value| sink(Value::str(value)))
    }),
];

fn numbers<'a>(call: Call<'a>, side: Side, sink: Sink<'_, 'a>) -> bool {
    cookies(call, side, &mut |value| sink(Value::Int(leading_int(value))))
}

fn count(call: Call<'_>, side: Side) -> Fetched<'_> {
    if headers(call, side).is_none() {
        return absent(call);
    }
    let mut count = 0;
    each(call, side, &mut |_| {
        count += 1;
        true
    });
    // Without a name HAProxy takes attributes of `Set-Cookie` for cookies.
    if side == Side::Server && call.name(0).is_none() {
        let values = headers(call, side).into_iter().flat_map(|headers| headers.get_all(b"set-cookie"));
        count = values.map(|value| pairs(value).count() as i64).sum();
    }
    Fetched::Found(Value::Int(count))
}

/// Shows values of cookies. Without a name, where one value is wanted, it is the first.
fn cookies<'a>(call: Call<'a>, side: Side, show: &mut dyn FnMut(&'a [u8]) -> bool) -> bool {
    let first_only = !call.every && call.name(0).is_none();
    each(call, side, &mut |value| show(value) && !first_only)
}

fn each<'a>(call: Call<'a>, side: Side, show: &mut dyn FnMut(&'a [u8]) -> bool) -> bool {
    let Some(headers) = headers(call, side) else { return never_comes(call) };
    let name = call.name(0).map(str::as_bytes);
    let field: &[u8] = match side {
        Side::Client => b"cookie",
        Side::Server => b"set-cookie",
    };
    for value in headers.get_all(field) {
        let more = match side {
            Side::Client => pairs(value).filter(|pair| name.is_none_or(|name| pair.0 == name)).all(|pair| show(pair.1)),
            // Of `Set-Cookie` only the first pair is the cookie; attributes follow it.
            Side::Server => {
                pairs(value).take(1).filter(|pair| name.is_none_or(|name| pair.0 == name)).all(|pair| show(pair.1))
            }
        };
        if !more {
            break;
        }
    }
    true
}

/// Names and values in a `Cookie` header, blanks around them taken off. A name without `=` is none.
pub(crate) fn pairs(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    value.split(|byte| *byte == b';').filter_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
    })
}
