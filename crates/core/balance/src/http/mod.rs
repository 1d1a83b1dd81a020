//! HTTP messages: heads, how they are read and written, what ends a body and what ends a connection.

pub mod chunked;
pub mod connection;
pub mod framing;
pub mod head;
pub mod parse;
pub mod serialize;

pub use head::{Headers, RequestHead, ResponseHead, Span, Version};
