//! Syslog: facilities, levels, and the framings a `log` line may name (manual section 4.2, `log ... format`).

use super::render::Date;
use crate::sample::Now;
use std::fmt::{self, Display, Formatter};
use std::io::Write;

/// RFC 5424 section 6.2.1, in order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility(pub u8);

impl Facility {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp",
        "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).map(|place| Self(place as u8))
    }

    pub fn name(self) -> &'static str {
        Self::NAMES[usize::from(self.0)]
    }
}

/// RFC 5424 section 6.2.1: smaller is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Emerg,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Level {
    const ALL: [(&str, Self); 8] = [
        ("emerg", Self::Emerg),
        ("alert", Self::Alert),
        ("crit", Self::Crit),
        ("err", Self::Err),
        ("warning", Self::Warning),
        ("notice", Self::Notice),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }

    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// `local`: as rfc3164 without the host's name.
    Local,
    #[default]
    Rfc3164,
    Rfc5424,
    /// `<134>` and the message.
    Priority,
    /// `<6>` and the message.
    Short,
    /// `<6>`, time and message.
    Timed,
    /// `iso`: an ISO 8601 time and the message.
    Iso,
    /// The message alone.
    Raw,
}

impl Framing {
    const NAMES: [(&str, Self); 8] = [
        ("local", Self::Local),
        ("rfc3164", Self::Rfc3164),
        ("rfc5424", Self::Rfc5424),
        ("priority", Self::Priority),
        ("short", Self::Short),
        ("timed", Self::Timed),
        ("iso", Self::Iso),
        ("raw", Self::Raw),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, framing)| *framing)
    }
}

/// What a framing tells of the sender.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    pub facility: Facility,
    pub level: Level,
    pub now: Now,
    /// `log-send-hostname`, or the machine's name for rfc5424.
    pub hostname: Option<&'a str>,
    /// `log-tag`.
    pub tag: &'a str,
    pub pid: u32,
    /// `log-format-sd`, rendered; `-` where there is none (rfc5424 only).
    pub structured: &'a [u8],
}

impl Header<'_> {
    /// Appends the framed message, cut to `max` bytes in all (`log ... len`), without an end of line.
    pub fn frame(&self, framing: Framing, message: &[u8], max: usize, out: &mut Vec<u8>) {
        let start = out.len();
        self.begin(framing, out);
        out.extend_from_slice(message);
        out.truncate(start + max);
    }

    fn begin(&self, framing: Framing, out: &mut Vec<u8>) {
        let priority = u32::from(self.facility.0) << 3 | self.level as u32;
        // Writing to memory does not fail.
        let _ = match framing {
            Framing::Raw => Ok(()),
            Framing::Priority => write!(out, "<{priority}>"),
            Framing::Short => write!(out, "<{}>", self.level as u32),
            Framing::Timed => write!(out, "<{}>{} ", self.level as u32, Iso(self.now)),
            Framing::Iso => write!(out, "{} ", Iso(self.now)),
            // The default; with `log-send-hostname` the default is rfc3164.
            Framing::Local if self.hostname.is_none() => {
                write!(out, "<{priority}>{} {}[{}]: ", Bsd(self.now), self.tag, self.pid)
            }
            Framing::Local | Framing::Rfc3164 => {
                let host = self.hostname.unwrap_or("localhost");
                write!(out, "<{priority}>{} {host} {}[{}]: ", Bsd(self.now), self.tag, self.pid)
            }
            Framing::Rfc5424 => {
                let host = self.hostname.unwrap_or("-");
                let begun = write!(out, "<{priority}>1 {} {host} {} {} - ", Iso(self.now), self.tag, self.pid);
                out.extend_from_slice(if self.structured.is_empty() { b"-" } else { self.structured });
                out.push(b' ');
                begun
            }
        };
    }
}

/// RFC 3164 section 4.1.2, in local time: `Nov 28 00:19:16`.
struct Bsd(Now);

impl Display for Bsd {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let date = Date::of(self.0.seconds() + i64::from(self.0.offset));
        let (name, day) = (date.month_name(), date.day);
        write!(f, "{name} {day:2} {:02}:{:02}:{:02}", date.hour, date.minute, date.second)
    }
}

/// RFC 5424 section 6.2.3, in local time: `2026-11-28T00:19:16.123456+01:00`.
struct Iso(Now);

impl Display for Iso {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Now { micros, offset } = self.0;
        let date = Date::of(self.0.seconds() + i64::from(offset));
        write!(f, "{:04}-{:02}-{:02}", date.year, date.month, date.day)?;
        write!(f, "T{:02}:{:02}:{:02}.{:06}", date.hour, date.minute, date.second, micros.rem_euclid(1_000_000))?;
        let sign = if offset < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", offset.abs() / 3600, offset.abs() / 60 % 60)
    }
}
