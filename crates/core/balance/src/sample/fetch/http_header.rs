//! Headers: `hdr`, `fhdr` and their derivatives, for requests and responses (manual section 7.3.6).

use super::l6::could_be_http;
use crate::http::Headers;
use crate::sample::args::{Arg, Kind, NONE, Spec, spec};
use crate::sample::keyword::{Call, Fetch, Prefer, Sink, all, one};
use crate::sample::value::leading_int;
use crate::sample::{Buffer, Env, Fetched, Side, Source, Type, Value};
use std::net::IpAddr;

const NAME: Spec = spec(0, &[Kind::Str]);
const NAME_AND_PLACE: Spec = spec(0, &[Kind::Str, Kind::Int]);

/// Negative places count from the end, down to this one.
const LAST_PLACE: i64 = -10;

const HDR: Fetch = values("req.hdr", Side::Client, |call, sink| split_values(call, Side::Client, sink));
const SHDR: Fetch = values("res.hdr", Side::Server, |call, sink| split_values(call, Side::Server, sink));
const HDR_CNT: Fetch = count("req.hdr_cnt", Side::Client, |call| count_values(call, Side::Client, true));
const SHDR_CNT: Fetch = count("res.hdr_cnt", Side::Server, |call| count_values(call, Side::Server, true));
const HDR_IP: Fetch = typed("req.hdr_ip", Side::Client, Type::Addr, |call, sink| {
    mapped(call, Side::Client, sink, |value| parse_ip(value).map(Value::Ip))
});
const SHDR_IP: Fetch = typed("res.hdr_ip", Side::Server, Type::Addr, |call, sink| {
    mapped(call, Side::Server, sink, |value| parse_ip(value).map(Value::Ip))
});
const HDR_VAL: Fetch = typed("req.hdr_val", Side::Client, Type::Int, |call, sink| {
    mapped(call, Side::Client, sink, |value| Some(Value::Int(leading_int(value))))
});
const SHDR_VAL: Fetch = typed("res.hdr_val", Side::Server, Type::Int, |call, sink| {
    mapped(call, Side::Server, sink, |value| Some(Value::Int(leading_int(value))))
});

pub const FETCHES: &[Fetch] = &[
    all("hdr", NAME_AND_PLACE, Type::Str, Source::EitherHeaders, Prefer::Last, |call, sink| {
        split_values(call, here(call), sink)
    })
    .checked(check_place),
    HDR,
    SHDR,
    SHDR.alias("shdr"),
    values("req.fhdr", Side::Client, |call, sink| full_values(call, Side::Client, sink)),
    values("res.fhdr", Side::Server, |call, sink| full_values(call, Side::Server, sink)),
    HDR_CNT,
    HDR_CNT.alias("hdr_cnt"),
    SHDR_CNT,
    SHDR_CNT.alias("shdr_cnt"),
    count("req.fhdr_cnt", Side::Client, |call| count_values(call, Side::Client, false)),
    count("res.fhdr_cnt", Side::Server, |call| count_values(call, Side::Server, false)),
    HDR_IP,
    HDR_IP.alias("hdr_ip"),
    SHDR_IP,
    SHDR_IP.alias("shdr_ip"),
    HDR_VAL,
    HDR_VAL.alias("hdr_val"),
    SHDR_VAL,
    SHDR_VAL.alias("shdr_val"),
    one("req.hdr_names", NAME, Type::Str, Source::RequestHeaders, |call| names(call, Side::Client)),
    one("res.hdr_names", NAME, Type::Str, Source::ResponseHeaders, |call| names(call, Side::Server)),
    one("req.hdrs", NONE, Type::Str, Source::RequestHeaders, |call| block(call, Side::Client)),
    one("res.hdrs", NONE, Type::Str, Source::ResponseHeaders, |call| block(call, Side::Server)),
];

const fn source(side: Side) -> Source {
    match side {
        Side::Client => Source::RequestHeaders,
        Side::Server => Source::ResponseHeaders,
    }
}

const fn values(name: &'static str, side: Side, run: crate::sample::keyword::All) -> Fetch {
    typed(name, side, Type::Str, run)
}

const fn typed(name: &'static str, side: Side, output: Type, run: crate::sample::keyword::All) -> Fetch {
    all(name, NAME_AND_PLACE, output, source(side), Prefer::Last, run).checked(check_place)
}

const fn count(name: &'static str, side: Side, run: crate::sample::keyword::One) -> Fetch {
    one(name, NAME, Type::Int, source(side), run)
}

fn check_place(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.get(1) {
        Some(Arg::Int(place)) if *place < LAST_PLACE => Err(format!("header occurrence must be >= {LAST_PLACE}")),
        _ => Ok(()),
    }
}

/// Requests while requests are evaluated, responses after.
pub(super) fn here(call: Call<'_>) -> Side {
    if call.context.in_response() { Side::Server } else { Side::Client }
}

pub(super) fn headers(call: Call<'_>, side: Side) -> Option<&Headers> {
    match side {
        Side::Client => call.context.request().map(|head| &head.headers),
        Side::Server => call.context.response().map(|head| &head.headers),
    }
}

/// Nothing found: whether it may still come.
pub(super) fn absent<'a>(call: Call<'a>) -> Fetched<'a> {
    if never_comes(call) { Fetched::Missing } else { Fetched::NotYet }
}

/// Whether no head will come: nobody waits, or what has come is no HTTP.
pub(super) fn never_comes(call: Call<'_>) -> bool {
    let is_other = |buffer: Buffer<'_>| buffer.complete || !could_be_http(buffer.bytes);
    call.context.is_final() || !call.context.in_response() && call.context.buffer(Side::Client).is_some_and(is_other)
}

fn split_values<'a>(call: Call<'a>, side: Side, sink: Sink<'_, 'a>) -> bool {
    chosen(call, side, true, &mut |value| sink(Value::str(value)))
}

fn full_values<'a>(call: Call<'a>, side: Side, sink: Sink<'_, 'a>) -> bool {
    chosen(call, side, false, &mut |value| sink(Value::str(value)))
}

/// Values that `parse` can read. Where one value is wanted, it is the last one, readable or not.
fn mapped<'a>(call: Call<'a>, side: Side, sink: Sink<'_, 'a>, parse: fn(&[u8]) -> Option<Value<'static>>) -> bool {
    if call.every {
        return chosen(call, side, true, &mut |value| parse(value).is_none_or(&mut *sink));
    }
    let mut last = None;
    let ready = chosen(call, side, true, &mut |value| {
        last = Some(value);
        true
    });
    if let Some(value) = last.and_then(parse) {
        sink(value);
    }
    ready
}

/// Shows the values of the header named by the first argument, or only the one the second argument names.
fn chosen<'a>(call: Call<'a>, side: Side, split: bool, show: &mut dyn FnMut(&'a [u8]) -> bool) -> bool {
    let Some(headers) = headers(call, side) else { return never_comes(call) };
    let name = call.name(0).map(str::as_bytes);
    match call.int(1).unwrap_or(0) {
        0 => _ = each_value(headers, name, split, show),
        place @ 1.. => {
            let mut left = place;
            each_value(headers, name, split, &mut |value| {
                left -= 1;
                if left == 0 {
                    show(value);
                }
                left != 0
            });
        }
        place => {
            let mut all = Vec::new();
            each_value(headers, name, split, &mut |value| {
                all.push(value);
                true
            });
            let back = place.unsigned_abs() as usize;
            if let Some(value) = all.len().checked_sub(back).map(|place| all[place]) {
                show(value);
            }
        }
    }
    true
}

/// Goes through values until `show` has seen enough; whether it has not.
fn each_value<'a>(
    headers: &'a Headers,
    name: Option<&[u8]>,
    split: bool,
    show: &mut dyn FnMut(&'a [u8]) -> bool,
) -> bool {
    headers
        .iter()
        .filter(|(field, _)| name.is_none_or(|name| field.eq_ignore_ascii_case(name)))
        .all(|(_, value)| if split { list_items(value).all(&mut *show) } else { show(value.trim_ascii()) })
}

/// The members of a comma-separated list; commas inside quotes separate nothing.
pub(crate) fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.iter().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => return true,
                _ => {}
            }
            false
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim_ascii())
    })
}

fn count_values(call: Call<'_>, side: Side, split: bool) -> Fetched<'_> {
    let Some(headers) = headers(call, side) else { return absent(call) };
    let mut count = 0;
    each_value(headers, call.name(0).map(str::as_bytes), split, &mut |_| {
        count += 1;
        true
    });
    Fetched::Found(Value::Int(count))
}

/// RFC 7239's form of an address: IPv4 with or without port, IPv6 with or without brackets.
pub(crate) fn parse_ip(value: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(value).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some((address, port)) = bracketed {
        let port_is_good = port.is_empty() || port.strip_prefix(':')?.parse::<u16>().is_ok();
        return port_is_good.then(|| address.parse().ok().map(IpAddr::V6)).flatten();
    }
    let (address, port) = text.split_once(':')?;
    port.parse::<u16>().ok()?;
    address.parse().ok().map(IpAddr::V4)
}

fn names(call: Call<'_>, side: Side) -> Fetched<'_> {
    let Some(headers) = headers(call, side) else { return absent(call) };
    let delimiter = call.name(0).map_or(b',', |text| text.as_bytes()[0]);
    let mut text = Vec::new();
    for (place, (name, _)) in headers.iter().enumerate() {
        if place > 0 {
            text.push(delimiter);
        }
        text.extend(name.to_ascii_lowercase());
    }
    Fetched::Found(Value::str(text))
}

/// All headers and the empty line behind them.
fn block(call: Call<'_>, side: Side) -> Fetched<'_> {
    let Some(headers) = headers(call, side) else { return absent(call) };
    let mut text = Vec::new();
    for (name, value) in headers.iter() {
        text.extend(name.to_ascii_lowercase());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    Fetched::Found(Value::str(text))
}
