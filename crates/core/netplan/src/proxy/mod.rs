//! The Service proxy: which destination leads where, as nftables rules.
//!
//! One verdict map finds the Service, a chain shared by all Services with as many endpoints draws one of them from a
//! second map. A changed Service is therefore a few elements more or less; chains and rules stay as they are. Only
//! session affinity needs chains of its own, one per endpoint, since each must remember its clients.
//!
//! Invariants
//! - The rules are a function of the plan: loading [`Plan::full`] and applying [`Plan::changes`] lead to the same rules.
//! - Whatever is asked for, text from API objects reaches nft only as numbers, addresses and names that were checked.

pub mod conntrack;
mod diff;
pub mod endpoints;
pub mod firewall;
mod health;
pub mod plan;
mod rules;
#[cfg(test)]
mod tests;

pub use conntrack::Flow;
pub use health::{HealthCheck, health_checks};
pub use plan::{NodeFacts, Plan, plan};
