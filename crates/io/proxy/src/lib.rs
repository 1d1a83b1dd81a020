//! The balancer at work: sockets, timers and threads for what `balance` decides.
//!
//! A worker is a thread with a runtime of its own; sessions belong to one worker. Configuration, servers and counters
//! are shared. Checks, the statistics socket, signals and logs have a thread for themselves.

mod apply;
pub mod backend;
pub mod checks;
pub mod cli;
pub mod conversation;
pub mod counters;
pub mod disk;
pub mod dispatch;
mod dynamic;
pub mod engine;
pub mod flow;
pub mod frontend;
pub mod handshake;
pub mod http;
mod introduction;
pub mod journal;
pub mod l4;
mod limits;
pub mod listener;
pub mod live;
pub mod logs;
pub mod names;
pub mod persistence;
pub mod pipes;
pub mod process;
pub mod profile;
mod program_of;
pub mod queue;
pub mod server;
pub mod session;
pub mod setup;
pub mod sockets;
pub mod sql;
pub mod stream;
pub mod text;
pub mod tls;
pub mod wheel;
pub mod worker;
mod zone;

pub use engine::{Engine, StartError};
pub use setup::Setup;
