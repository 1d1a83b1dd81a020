//! `cookie`: clients kept to their server by a cookie (manual section 4.2, "cookie").
//!
//! [`Cookie::request`] finds the server that a request's cookie names and removes what the server must not see;
//! [`Cookie::response`] sets, rewrites or prefixes the cookie of the answer. Dates in cookies count four seconds.

mod config;
mod dates;
mod dynamic;
mod request;
mod response;

pub use config::{Cookie, CookieMode};
pub use dynamic::dynamic_value;
pub use request::{Persistence, RequestCookie, ServerCookie};
pub use response::{Answered, is_cacheable};

#[cfg(test)]
mod tests;
