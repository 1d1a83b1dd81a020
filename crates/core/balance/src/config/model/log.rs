//! `log` directives: where lines go, and which.

use crate::log::{Facility, Framing, Level};
use std::net::SocketAddr;
use std::path::PathBuf;

/// One `log` line, in `global` or in a proxy (`log global` is resolved into copies of global's).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTarget {
    pub address: LogAddress,
    /// Longest line in bytes, 80..=65535, default 1024; longer ones are cut.
    pub len: usize,
    /// Default: rfc3164.
    pub format: Framing,
    /// `sample <ranges>:<size>`: of every `size` lines those in `ranges` (from 1, inclusive) are sent.
    pub sample: Option<(Vec<(u32, u32)>, u32)>,
    pub facility: Facility,
    /// Lines of this severity and worse are sent. Default debug: all.
    pub level: Level,
    /// Worse ones are sent as this severity. Default emerg: as they are.
    pub minlevel: Level,
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
