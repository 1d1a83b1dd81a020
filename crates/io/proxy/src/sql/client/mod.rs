//! Clients: their log-in, their commands, what they are answered.

pub mod commands;
pub mod execute;
pub mod handshake;
mod heard;
pub mod infile;
pub mod local;
mod lost;
pub mod prepared;
mod ready;
pub mod session;
pub mod statement;
pub mod trace;
