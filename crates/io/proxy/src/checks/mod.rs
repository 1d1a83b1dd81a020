//! Health of servers: runs their checks and asks their agents, takes in what traffic and administrators say, and
//! carries out what follows.
//!
//! [`balance::health`] decides. Any thread may bring it an event ([`change`]); the effects are carried out at once, on
//! that thread. Checks run on the control thread ([`run`]): one task for each check, asleep until it is due.
//!
//! Invariants
//! - A server's state is changed under its lock and published before the lock is given back; no lock is held over an
//!   await, and none while effects are carried out.
//! - A check holds one connection, and it ends within its time; with `check-reuse-pool` it is left to the next check.

mod agent;
mod effects;
mod h2;
mod probe;
mod route;
#[cfg(test)]
mod tests;
mod watch;

pub use effects::{carry_out, change, observe, tell};
pub use watch::{run, start};
