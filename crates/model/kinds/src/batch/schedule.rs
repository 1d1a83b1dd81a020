//! Cron schedules: five fields or a macro, and when they next come due.
//!
//! The grammar is that of robfig/cron's standard parser, which upstream uses: minute, hour, day of month, month, day
//! of week; `*`, `?`, lists, ranges, steps, names of months and days; `@hourly` and its like; `@every 90m`.
//! The refusals' texts are that parser's too, since upstream shows them to users.
//!
//! Around a change of clocks: times that do not exist are left out, times that exist twice count twice.

use apimachinery::time::parse_go_duration;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

/// A schedule that never comes due (30 February) is given up after so many years.
const HORIZON_YEARS: i16 = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    Calendar(Calendar),
    /// `@every`: seconds between two runs, at least 1.
    Every(i64),
}

/// Which values of each field are meant, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the field of days was a star: then the weekdays decide alone, and the other way round.
    any_day: bool,
    any_weekday: bool,
}

struct Field {
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { min: 0, max: 59, names: &[] };
const HOUR: Field = Field { min: 0, max: 23, names: &[] };
const DAY: Field = Field { min: 1, max: 31, names: &[] };
const MONTH: Field = Field {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Field = Field { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

const MACROS: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

impl Schedule {
    /// Reads a schedule. Time zones are not part of it; they stand in a field of their own.
    ///
    /// # Errors
    /// The parser's text of what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        if text.starts_with('@') {
            return parse_macro(text);
        }
        Ok(Self::Calendar(Calendar::parse(text)?))
    }

    /// The first time after `after` at which the schedule comes due in a time zone; `None` if it never does.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(seconds) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(SignedDuration::from_secs(*seconds)).ok()
            }
            Self::Calendar(calendar) => calendar.next_after(after, zone),
        }
    }
}

fn parse_macro(text: &str) -> Result<Schedule, String> {
    if let Some((_, fields)) = MACROS.iter().find(|(name, _)| *name == text) {
        return Ok(Schedule::Calendar(Calendar::parse(fields)?));
    }
    let Some(every) = text.strip_prefix("@every ") else {
        return Err(format!("unrecognized descriptor: {text}"));
    };
    let nanos = parse_go_duration(every).map_err(|why| format!("failed to parse duration {text}: {why}"))?;
    Ok(Schedule::Every((nanos / 1_000_000_000).max(1)))
}

impl Calendar {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        Ok(Self {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays: WEEKDAY.parse(weekday)?,
            any_day: is_star(day),
            any_weekday: is_star(weekday),
        })
    }

    fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let minute = after.as_second().div_euclid(60) + 1;
        let mut time = Timestamp::from_second(minute * 60).ok()?.to_zoned(zone.clone());
        let last_year = time.year() + HORIZON_YEARS;
        while time.year() <= last_year {
            time = if !has(self.months, time.month()) {
                first_of_next_month(&time)?
            } else if !self.is_day(&time) {
                time.tomorrow().ok()?.start_of_day().ok()?
            } else if !has(self.hours, time.hour()) {
                time.checked_add(SignedDuration::from_mins(60 - i64::from(time.minute()))).ok()?
            } else if !has(self.minutes, time.minute()) {
                time.checked_add(SignedDuration::from_mins(1)).ok()?
            } else {
                return Some(time.timestamp());
            };
        }
        None
    }

    /// If both fields of days say something, one of them is enough.
    fn is_day(&self, time: &Zoned) -> bool {
        let day = has(self.days, time.day());
        let weekday = has(self.weekdays, time.weekday().since(Weekday::Sunday));
        if self.any_day || self.any_weekday { day && weekday } else { day || weekday }
    }
}

fn first_of_next_month(time: &Zoned) -> Option<Zoned> {
    let next = time.date().first_of_month().checked_add(Span::new().months(1)).ok()?;
    next.to_zoned(time.time_zone().clone()).ok()?.start_of_day().ok()
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

fn is_star(field: &str) -> bool {
    field.split(',').any(|part| {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        matches!(range, "*" | "?") && step == "1"
    })
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, String> {
        // Empty parts of a list are passed over, as the parser does.
        text.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Ok(bits | self.range(part)?))
    }

    /// `*`, `5`, `1-5`, `*/15`, `5/15`, `1-30/2`.
    fn range(&self, text: &str) -> Result<u64, String> {
        let (range, step) = match text.split('/').collect::<Vec<_>>()[..] {
            [range] => (range, None),
            [range, step] => (range, Some(number(step)?)),
            _ => return Err(format!("too many slashes: {text}")),
        };
        let (start, mut end) = match range.split('-').collect::<Vec<_>>()[..] {
            ["*" | "?", ..] => (self.min, self.max),
            [single] => (self.value(single)?, self.value(single)?),
            [start, end] => (self.value(start)?, self.value(end)?),
            _ => return Err(format!("too many hyphens: {text}")),
        };
        // `5/15` means from 5 on.
        if step.is_some() && !range.contains(['-', '*', '?']) {
            end = self.max;
        }
        if start < self.min {
            return Err(format!("beginning of range ({start}) below minimum ({}): {text}", self.min));
        }
        if end > self.max {
            return Err(format!("end of range ({end}) above maximum ({}): {text}", self.max));
        }
        if start > end {
            return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
        }
        match step.unwrap_or(1) {
            0 => Err(format!("step of range should be a positive number: {text}")),
            step => Ok((start..=end).step_by(step as usize).fold(0, |bits, value| bits | 1 << value)),
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        match self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            Some(index) => Ok(self.min + index as u32),
            None => number(text),
        }
    }
}

fn number(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(value) if value < 0 => Err(format!("negative number ({value}) not allowed: {text}")),
        Ok(value) if value <= i64::from(u32::MAX) => Ok(value as u32),
        _ => Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn next(schedule: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let mut time: Timestamp = after.parse().unwrap();
        for expected in expected {
            time = schedule.next_after(time, &zone).unwrap();
            assert_eq!(time.to_string(), *expected);
        }
    }

    #[test]
    fn schedules_come_due() {
        next("*/15 * * * *", "UTC", "2026-01-01T00:07:30Z", &["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z"]);
        next("0 0 1 1 *", "UTC", "2026-01-01T00:00:00Z", &["2027-01-01T00:00:00Z"]);
        next("30 9 * * mon-fri", "Europe/Berlin", "2026-01-02T12:00:00Z", &["2026-01-05T08:30:00Z"]);
        next("0 12 13 * 5", "UTC", "2026-02-10T00:00:00Z", &["2026-02-13T12:00:00Z", "2026-02-20T12:00:00Z"]);
        next("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z"]);
        next("@every 90s", "UTC", "2026-01-01T00:00:00Z", &["2026-01-01T00:01:30Z"]);
        let never = Schedule::parse("0 0 30 2 *").unwrap();
        assert_eq!(never.next_after("2026-01-01T00:00:00Z".parse().unwrap(), &TimeZone::UTC), None);
    }

    #[test]
    fn changes_of_clocks() {
        // 2:30 does not exist on 29 March, and exists twice on 25 October.
        next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-30T00:30:00Z"]);
        next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]);
    }

    #[test]
    fn refusals_are_the_parsers() {
        let check = |text, why: &str| assert_eq!(Schedule::parse(text).unwrap_err(), why);
        check("* * * *", "expected exactly 5 fields, found 4: [* * * *]");
        check("0 * * * * *", "expected exactly 5 fields, found 6: [0 * * * * *]");
        check("61 * * * *", "end of range (61) above maximum (59): 61");
        check("* * 0 * *", "beginning of range (0) below minimum (1): 0");
        check("5-3 * * * *", "beginning of range (5) beyond end of range (3): 5-3");
        check("*/0 * * * *", "step of range should be a positive number: */0");
        check("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax");
        check("* * * * 7", "end of range (7) above maximum (6): 7");
        check("@often", "unrecognized descriptor: @often");
    }
}
