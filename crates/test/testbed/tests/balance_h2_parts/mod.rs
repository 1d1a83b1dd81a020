//! The cases of HTTP/2's rules, what may be answered to them, and the bytes they are made of.

pub mod cases;
pub mod expect;
pub mod wire;
