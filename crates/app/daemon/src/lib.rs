//! From a configuration to a running machine: which parts, in which order, wired how.

pub mod admin;
pub mod config;
mod doors;
mod identity;
mod joining;
pub mod parts;
mod reset;
mod server;
pub mod status;

pub use config::{Config, ConfigError};
pub use reset::{ResetError, reset};
pub use server::{StartError, run};
