//! SPDY/3.1 as kubectl speaks it: the server's side of a session of many streams on one upgraded connection.
//!
//! Source: the SPDY/3.1 draft; what clients really do from moby/spdystream, which client-go uses. That library neither
//! sends nor obeys WINDOW_UPDATE, so windows would stall it: backpressure is the connection's own, as with upstream.

pub mod frame;
pub mod headers;
pub mod session;

pub use session::{Receiver, Sender, Session, Stream};
