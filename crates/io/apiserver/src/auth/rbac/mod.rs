//! Role based access control: rules, the index that answers fast, aggregation, the escalation check.
//!
//! Upstream: `plugin/pkg/auth/authorizer/rbac`, `pkg/registry/rbac`.

pub mod aggregate;
pub mod authorizer;
pub mod escalation;
pub mod follow;
pub mod index;
pub mod rule;

pub use authorizer::{Attributes, Authorizer, Decision, Target};
pub use rule::Rule;

#[cfg(test)]
mod tests;
