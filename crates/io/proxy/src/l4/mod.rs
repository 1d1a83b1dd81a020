//! Sessions of tcp mode, and the tunnels that HTTP connections may become.

pub mod direction;
pub mod opening;
pub mod relay;
pub mod session;
mod sniff;
