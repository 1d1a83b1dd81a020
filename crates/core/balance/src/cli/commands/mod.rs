//! The handlers, a file per family.

pub mod cookie;
pub mod dump;
pub mod errors;
pub mod frontend;
pub mod global;
pub mod list;
pub mod list_change;
pub mod server;
pub mod server_address;
pub mod servers;
pub mod session;
pub mod ssl;
pub mod stat;
pub mod state;
pub mod stick;
pub mod this;
pub mod variable;
