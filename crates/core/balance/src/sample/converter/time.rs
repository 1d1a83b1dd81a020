//! Dates: numbers of seconds as text.

use crate::sample::args::{Arg, Kind, spec};
use crate::sample::fetch::internal::{check_unit, per_second};
use crate::sample::keyword::{Call, Converter, converter};
use crate::sample::{Env, Now, Type, Value};
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};

pub const CONVERTERS: &[Converter] = &[
    converter("http_date", spec(0, &[Kind::Int, Kind::Str]), Type::Int, Type::Str, http_date)
        .checked(|args, _| check_unit(args, 1)),
    converter("utime", spec(1, &[Kind::Str, Kind::Int]), Type::Int, Type::Str, |value, call| {
        // C's name for UTC.
        formatted(&call.text(0)?.replace("%Z", "GMT"), value, call, TimeZone::UTC)
    })
    .checked(check_format),
    converter("ltime", spec(1, &[Kind::Str, Kind::Int]), Type::Int, Type::Str, |value, call| {
        formatted(call.text(0)?, value, call, local(call.context.now()))
    })
    .checked(check_format),
];

/// The time zone that local times are told in.
pub(crate) fn local(now: Now) -> TimeZone {
    Offset::from_seconds(now.offset).map_or(TimeZone::UTC, TimeZone::fixed)
}

/// RFC 9110 section 5.6.7. Units finer than seconds add a fraction, without leading zeros as HAProxy writes it.
fn http_date<'a>(value: Value<'a>, call: Call<'a>) -> Option<Value<'a>> {
    let per_second = per_second(call.text(1));
    let date = value.as_int()?.saturating_add(call.int(0).unwrap_or(0));
    let time = Timestamp::from_second(date.div_euclid(per_second)).ok()?.to_zoned(TimeZone::UTC);
    let mut text = strtime::format("%a, %d %b %Y %H:%M:%S", &time).ok()?;
    if per_second > 1 {
        text.push_str(&format!(".{}", date.rem_euclid(per_second)));
    }
    text.push_str(" GMT");
    Some(Value::text(text))
}

fn check_format(args: &mut [Arg], _: Env<'_>) -> Result<(), String> {
    match args.first() {
        Some(Arg::Text(format)) => strtime::format(&**format, &Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
            .map(drop)
            .map_err(|error| format!("cannot use the time format '{format}': {error}")),
        _ => Ok(()),
    }
}

fn formatted<'a>(format: &str, value: Value<'a>, call: Call<'a>, zone: TimeZone) -> Option<Value<'a>> {
    let seconds = value.as_int()?.saturating_add(call.int(1).unwrap_or(0));
    let time = Timestamp::from_second(seconds).ok()?.to_zoned(zone);
    strtime::format(format, &time).ok().map(Value::text)
}
