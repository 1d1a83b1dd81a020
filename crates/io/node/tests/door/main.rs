//! The node agent's port and the door to it from another machine: real TLS on 127.0.0.1, processes and ports made up.

mod access;
#[path = "../common/authority.rs"]
mod authority;
mod fake;
mod finding;
mod lost;
mod streams;
mod world;
