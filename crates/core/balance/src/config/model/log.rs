//! `log` directives: where lines go, and which.

use std::net::SocketAddr;
use std::path::PathBuf;

/// One `log` line, in `global` or in a proxy (`log global` is resolved into copies of global's).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTarget {
    pub address: LogAddress,
    /// Longest line in bytes, 80..=65535, default 1024; longer ones are cut.
    pub len: usize,
    pub format: LogFormat,
    /// `sample <ranges>:<size>`: of every `size` lines those in `ranges` (from 1, inclusive) are sent.
    pub sample: Option<(Vec<(u32, u32)>, u32)>,
    pub facility: Facility,
    /// Lines of this severity and worse are sent. Default debug: all.
    pub level: LogLevel,
    /// Worse ones are sent as this severity. Default emerg: as they are.
    pub minlevel: LogLevel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAddress {
    Stdout,
    Stderr,
    Fd(i32),
    Unix(PathBuf),
    Udp(SocketAddr),
    Ring(String),
}

/// How a line is framed (manual, `log`). Default: rfc3164 for sockets, raw for none of them unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    Local,
    #[default]
    Rfc3164,
    Rfc5424,
    Priority,
    Short,
    Timed,
    Iso,
    Raw,
}

/// Severity, 0 (emerg) to 7 (debug).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    Emerg,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

/// Syslog's facility, as its number 0..=23.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facility(pub u8);

impl LogLevel {
    pub const ALL: [(&'static str, Self); 8] = [
        ("emerg", Self::Emerg),
        ("alert", Self::Alert),
        ("crit", Self::Crit),
        ("err", Self::Err),
        ("warning", Self::Warning),
        ("notice", Self::Notice),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, level)| *level)
    }
}

impl Facility {
    /// By number.
    pub const NAMES: [&'static str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp",
        "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];

    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMES.iter().position(|name| *name == word).map(|number| Self(number as u8))
    }
}

impl LogFormat {
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "local" => Self::Local,
            "rfc3164" => Self::Rfc3164,
            "rfc5424" => Self::Rfc5424,
            "priority" => Self::Priority,
            "short" => Self::Short,
            "timed" => Self::Timed,
            "iso" => Self::Iso,
            "raw" => Self::Raw,
            _ => return None,
        })
    }
}
