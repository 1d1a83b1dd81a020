//! HTTP messages: heads, how they are read and written, what ends a body and what ends a connection.

pub mod chunked;
pub mod compression;
pub mod connection;
pub mod errors;
pub mod framing;
pub mod head;
pub mod parse;
pub mod reply;
pub mod serialize;

pub use errors::{ERROR_PAGES, ErrorPage};
pub use head::{Headers, RequestHead, ResponseHead, Span, Version};
pub use reply::{Answer, Reply};
