//! Every built-in kind: one file each, one line in [`registry::ALL`].
//!
//! Server, CLI, docs and tests read the table; none of them names a kind.

pub mod def;
pub mod registry;

pub use def::{Column, KindDef, Prepare, Scope, Subresource};
