//! `apps/v1`.

pub mod controller_revision;
pub mod deployment;
pub mod replica_set;
mod rules;
