//! Garbage collection: who depends on whom, and what follows when an owner goes.
//!
//! Upstream: `pkg/controller/garbagecollector` (graph_builder.go, garbagecollector.go).
//!
//! Invariants
//! - The graph only says what to look at; whether an object goes is judged ([`judge`]) on live reads of it and of its
//!   owners, so a late or lost event never deletes anything wrongly.
//! - Only objects that have owners, or wait for their dependents, are kept; of those nothing but names and uids.

mod graph;
mod verdict;

pub use graph::{Attempt, Graph, Identity, Uid, Work, gone};
pub use verdict::{OwnerState, Verdict, judge, unblock_owners, without_finalizer, without_owners};

/// Holds an owner until its blocking dependents are gone.
pub const FOREGROUND: &str = "foregroundDeletion";

/// Holds an owner until its dependents have forgotten it.
pub const ORPHAN: &str = "orphan";
