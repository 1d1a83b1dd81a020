//! Cluster DNS: questions in, answers or the wish to ask elsewhere out.
//!
//! Specification: kubernetes/dns `docs/specification.md` 1.1.0; where it is silent, as CoreDNS answers with
//! `pods insecure` and TTL 5.
//!
//! Invariants
//! - No packet makes a function here panic, nor cost more than its own length and its answer's.
//! - The question goes back as it came, letter case included.

mod answer;
pub mod packet;
mod upstream;

pub use answer::{Outcome, Zone, answer, with_chased};
pub use packet::{Query, Received, encode, receive};
pub use upstream::{cacheable_seconds, name_servers};

#[cfg(test)]
mod tests;
