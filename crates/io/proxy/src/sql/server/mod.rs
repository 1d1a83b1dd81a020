//! Servers behind the proxy: what is known of each, connections to them, and what they answer.

pub mod acquire;
pub mod aside;
pub mod connect;
pub mod connection;
pub mod groups;
pub mod pool;
mod proof;
pub mod query;
pub mod relay;
pub mod tls;
mod verify;
