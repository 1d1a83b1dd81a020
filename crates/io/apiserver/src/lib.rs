//! apiserver

pub mod auth;
pub mod streams;
