//! The process: command line, daemon, limits, rights, signals, reload.

pub mod fds;
