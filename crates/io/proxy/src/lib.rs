//! The balancer at work: sockets, timers and threads for what `balance` decides.

pub mod logs;
pub mod process;
