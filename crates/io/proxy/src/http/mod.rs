//! http mode: HTTP/1 and HTTP/2 on both sides, one request after the other through one pipeline.
//!
//! - `wire` is a connection of HTTP/1, `transfer` a body on its way from one side to the other.
//! - `client` is the loop over the requests of a client's connection, `exchange` one request and its answer.
//! - `upstream` gets a connection to a server, from `pool` if one is idle.
//!
//! Invariants
//! - An idle connection owns no buffer: what is for one request lives in a box that goes with it.
//! - Of a body, at most one read and one frame wait for the side that takes it, whoever is slow.

mod client;
mod compress;
mod downstream;
mod evidence;
mod exchange;
mod finish;
mod forward;
mod h2;
mod manners;
mod observed;
mod pages;
pub mod pool;
mod record;
mod relay;
mod reply;
mod requests;
mod responses;
mod rewound;
mod tracked;
mod transfer;
mod upstream;
mod wire;

pub use client::{resume, run};
