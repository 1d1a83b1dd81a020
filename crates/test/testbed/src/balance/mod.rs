//! HAProxy and Barque beside each other: the same configuration and script for both, what can be observed compared.
//!
//! A scenario is one file of `scenarios/balance` (`scenario` has its form, `steps` its words). Each of the two programs
//! runs in a world of its own (`world`): an address of 127/8 that nobody else uses, a folder, backends that are
//! threads of this process. What differs by nature (ports of clients, dates, pids) is made equal by `normal`; what
//! differs by intention stands in the table of `differences`, which the documentation shows.

pub mod backend;
pub mod client;
pub mod differences;
pub mod inside;
pub mod normal;
pub mod program;
pub mod scenario;
pub mod stand;
pub mod steps;
pub mod suite;
pub mod terminal;
pub mod world;

pub use program::Program;
pub use scenario::Scenario;
