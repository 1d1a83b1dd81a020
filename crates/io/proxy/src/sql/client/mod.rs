//! Clients: their log-in, their commands, what they are answered.

mod cached;
pub mod commands;
pub mod execute;
pub mod handshake;
mod heard;
pub mod infile;
pub mod local;
mod lost;
pub mod prepared;
pub mod proof;
pub mod ready;
mod ruled;
pub mod session;
pub mod statement;
pub mod trace;
