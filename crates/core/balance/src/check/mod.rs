//! What a health check says to a server and how it reads the answer: one file per kind, bytes in, verdict out.
//!
//! A backend's check is a list of rules, whatever its kind: connect, send, expect.

mod server;

pub use server::{parse_server, server_problem};
