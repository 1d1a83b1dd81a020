//! Values whose JSON is a text that stands for numbers: times and durations.

use crate::table::{self, TypeUse};
use jiff::Timestamp;
use serde_json::Value;

/// Microseconds since 1970 of an RFC 3339 time.
pub fn micros(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}

/// Upstream's text of a time, to the second or the microsecond; its zero (and what no calendar has) is null.
pub fn time(seconds: i64, nanos: i32, fine: bool) -> Value {
    if seconds == 0 && nanos == 0 {
        return Value::Null;
    }
    let format = if fine { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Timestamp::new(seconds, nanos).map_or(Value::Null, |time| time.strftime(format).to_string().into())
}

/// Nanoseconds of a Go duration, `1h30m0.5s`.
pub fn nanos(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut sum = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0);
        if rest == "0" {
            break;
        }
        let (number, tail) = rest.split_at(digits?);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let scale = match &tail[..unit] {
            "h" => 3.6e12,
            "m" => 6e10,
            "s" => 1e9,
            "ms" => 1e6,
            "us" | "µs" => 1e3,
            "ns" => 1.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * scale;
        rest = &tail[unit..];
    }
    Some(sign * sum as i64)
}

/// Whether a text is a Go duration.
pub(crate) fn is_duration(text: &str) -> bool {
    !text.is_empty() && nanos(text).is_some()
}

/// A duration as Go writes it, to the millisecond.
pub fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let millis = nanos.unsigned_abs() / 1_000_000;
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, (millis % 60_000) as f64 / 1000.0);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `JSONSchemaProps`, which `additionalProperties` and `items` of itself hold in disguise.
pub fn schema_props() -> &'static TypeUse {
    const NAME: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    static NUMBER: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| table::find(NAME).unwrap_or_default());
    table::root(*NUMBER)
}
