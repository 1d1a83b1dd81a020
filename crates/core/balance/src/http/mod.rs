//! HTTP as the rules see it: heads of requests and responses, and HTTP/1.1's framing.

pub mod head;

pub use head::{Headers, RequestHead, ResponseHead, Version};
