//! Every controller: one file each, one line in [`all`].
//!
//! A controller is a function from a view of the cluster to actions. It has no client, no clock, no retries, no logs:
//! the driver (`reconciler`) gives it a view at least as new as its own last write, executes the actions and calls again.

pub mod action;
pub mod controller;
pub mod view;

pub use action::{Action, Plan, Regarding};
pub use controller::Controller;
pub use view::{Change, View, Wanted};

/// All controllers the driver runs.
pub fn all() -> Vec<Box<dyn Controller>> {
    vec![]
}
