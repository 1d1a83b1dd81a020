//! Clients: their log-in, their commands, what they are answered.

pub mod commands;
pub mod execute;
pub mod handshake;
pub mod infile;
pub mod local;
pub mod prepared;
pub mod session;
pub mod statement;
pub mod trace;
