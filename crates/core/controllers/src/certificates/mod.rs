//! Signing requests: which may be granted without a person, which may be signed, and when they are cleaned away.
//!
//! Granting asks the API a question and signing needs the authority's key: the driver does both
//! (`reconciler/src/certificates.rs`) and asks here what is right.

mod approve;
mod cleaner;
mod profile;

pub use approve::{Approval, approval};
pub use cleaner::Cleaner;
pub use profile::{Profile, lifetime, profile};

#[cfg(test)]
mod tests;
