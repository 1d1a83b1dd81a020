//! Every built-in kind: one file each, one line in [`registry::ALL`].
//!
//! Server, CLI, docs and tests read the table; none of them names a kind.

pub mod cells;
pub mod checks;
pub mod def;
pub mod edit;
pub mod path;
pub mod prepare;
pub mod quantities;
pub mod read;
pub mod registry;
pub mod resources;

pub mod apiextensions;
pub mod apps;
pub mod authentication;
pub mod authorization;
pub mod batch;
pub mod certificates;
pub mod coordination;
pub mod corev1;
pub mod discovery;
pub mod events;
pub mod metrics;
pub mod networking;
pub mod rbac;
pub mod scheduling;
pub mod storage;

pub use def::{Column, Deprecated, KindDef, NameRule, Now, Prepare, Scope, Subresource};
