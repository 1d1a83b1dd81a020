//! Times and durations as texts: RFC 3339 in seconds (`metav1.Time`) and microseconds (`metav1.MicroTime`), Go's
//! durations, and the ages kubectl shows.
//!
//! Upstream: `pkg/apis/meta/v1/time.go`, `micro_time.go`, `pkg/util/duration/duration.go`; Go's `time` package.

use jiff::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// Seconds since 1970 as `2024-05-01T12:00:00Z`.
pub fn format_seconds(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Microseconds since 1970 as `2024-05-01T12:00:00.000000Z`.
pub fn format_micros(micros: i64) -> String {
    let whole = format_seconds(micros.div_euclid(1_000_000));
    format!("{}.{:06}Z", whole.trim_end_matches('Z'), micros.rem_euclid(1_000_000))
}

/// Seconds since 1970 of an RFC 3339 text, parts of seconds dropped; None if it is none.
pub fn parse_seconds(text: &str) -> Option<i64> {
    Some(parse_micros(text)?.div_euclid(1_000_000))
}

/// Microseconds since 1970 of an RFC 3339 text; None if it is none.
pub fn parse_micros(text: &str) -> Option<i64> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}

/// Nanoseconds of a Go duration: `1h2m3s`, `1.5s`, `-300ms`, `0`.
///
/// # Errors
/// In Go's words, `time: invalid duration "x"`.
pub fn parse_go_duration(text: &str) -> Result<i64, String> {
    let refuse = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) => (false, text),
        None => return Err(refuse()),
    };
    if rest == "0" {
        return Ok(0);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (amount, after) = number(rest).ok_or_else(refuse)?;
        let letters = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            other => return Err(format!("time: unknown unit {other:?} in duration {text:?}")),
        };
        total = total.saturating_add(amount.nanos(unit));
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| refuse())
}

/// A decimal number in its parts.
struct Number {
    whole: i128,
    fraction: i128,
    /// 10 to the number of the fraction's digits.
    scale: i128,
}

impl Number {
    fn nanos(&self, unit: i64) -> i128 {
        let unit = i128::from(unit);
        self.whole.saturating_mul(unit).saturating_add(self.fraction * unit / self.scale)
    }
}

fn number(text: &str) -> Option<(Number, &str)> {
    let whole_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(whole_len);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("", rest),
    };
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 19 {
        return None;
    }
    // More digits than nanoseconds can show do not count.
    let fraction = &fraction[..fraction.len().min(15)];
    let scale = 10i128.pow(fraction.len() as u32);
    Some((Number { whole: whole.parse().unwrap_or(0), fraction: fraction.parse().unwrap_or(0), scale }, rest))
}

/// Go's text of a duration in nanoseconds: `1h2m3s`, `1.5s`, `300ms`, `0s`.
pub fn format_go_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let amount = nanos.unsigned_abs();
    let second = SECOND as u64;
    if amount == 0 {
        return "0s".to_owned();
    }
    if amount < second {
        let (unit, name) = match amount {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{name}", decimal(amount, unit));
    }
    let (hours, minutes) = (amount / (3600 * second), amount / (60 * second) % 60);
    let seconds = decimal(amount % (60 * second), second);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(amount: u64, unit: u64) -> String {
    let (whole, part) = (amount / unit, amount % unit);
    if part == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{part:0width$}").trim_end_matches('0').to_owned()
}

/// The age kubectl shows for so many seconds: `45s`, `3m20s`, `5h`, `5d3h`, `2y40d`. `<invalid>` more than a second ahead.
pub fn human_duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / 24;
    let two = |big: i64, big_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{big_unit}"),
        _ => format!("{big}{big_unit}{small}{small_unit}"),
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 24 * 8 => two(days, "d", hours % 24, "h"),
        _ if hours < 24 * 365 * 2 => format!("{days}d"),
        _ if hours < 24 * 365 * 8 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

/// The age of an RFC 3339 time at `now` (seconds since 1970); `<unknown>` if it is no time, as kubectl shows.
pub fn age(since: &str, now: i64) -> String {
    parse_seconds(since).map_or_else(|| "<unknown>".to_owned(), |then| human_duration(now - then))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(format_seconds(1_714_564_800), "2024-05-01T12:00:00Z");
        assert_eq!(format_micros(1_714_564_800_000_012), "2024-05-01T12:00:00.000012Z");
        assert_eq!(format_micros(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(parse_seconds("2024-05-01T14:00:00+02:00"), Some(1_714_564_800));
        assert_eq!(parse_micros("2024-05-01T12:00:00.5Z"), Some(1_714_564_800_500_000));
        assert_eq!((parse_seconds("2024-05-01"), parse_seconds("x")), (None, None));
    }

    #[test]
    fn go_durations() {
        for text in ["1h2m3s", "1.5s", "300ms", "-1m0s", "1.5µs", "7ns", "0s", "100h0m0s", "3h0m0.25s"] {
            assert_eq!(format_go_duration(parse_go_duration(text).unwrap()), text);
        }
        assert_eq!(parse_go_duration("1.5h"), Ok(5400 * SECOND));
        assert_eq!(parse_go_duration(""), Err("time: invalid duration \"\"".to_owned()));
        assert_eq!(parse_go_duration("3"), Err("time: missing unit in duration \"3\"".to_owned()));
        assert_eq!(parse_go_duration("3d"), Err("time: unknown unit \"d\" in duration \"3d\"".to_owned()));
    }

    #[test]
    fn ages() {
        let cases = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (200, "3m20s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (12_660, "3h31m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (443_000, "5d3h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (66_528_000, "2y40d"),
            (252_288_000, "8y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }
}
