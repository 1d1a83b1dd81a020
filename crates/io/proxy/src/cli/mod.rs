//! The statistics socket at work, and the balancer as statistics and commands see it.
//!
//! [`View`] answers what `balance::cli` and `balance::stats` ask, from the numbers of the engine; it holds nothing of its
//! own. [`Desk`] is what only this part of the process keeps: limits set at run time, sockets, how busy it was. Sockets
//! are served on the control thread ([`Doors`]); a command runs on a thread that may wait, since some ask the workers.

mod certificates;
mod connection;
mod desk;
mod dump;
mod frontends;
mod pass;
mod patterns;
mod process;
mod rows;
mod servers;
mod sessions;
mod socket;
mod tables;

pub use desk::Desk;
pub use socket::{Door, Doors, open, open_master};

use crate::engine::Engine;
use std::sync::Arc;

/// The balancer, looked at.
pub struct View {
    engine: Arc<Engine>,
}

impl View {
    pub fn new(engine: &Arc<Engine>) -> Self {
        Self { engine: engine.clone() }
    }
}
