//! The command language of the statistics socket (management guide, 9.3): lines in, answers out.
//!
//! What the commands are about is behind the trait [`Subject`], in snapshots of plain data, so that the language can be
//! tested without a running balancer. One table, [`table::COMMANDS`], lists the commands; the files of `commands/` hold
//! their families. Texts are those of HAProxy 2.6, since scripts compare them.
//!
//! [`Session`] is one connection: it takes bytes and gives bytes, and reads no clock.

mod answer;
mod call;
mod commands;
mod help;
mod line;
mod session;
mod subject;
mod table;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "world"))]
pub mod world;

pub use crate::config::model::Level;
pub use answer::{Answer, Severity};
pub use session::{Output, Session};
pub use subject::*;
