//! What a client's session carries, what of it can be carried over to another connection, and what cannot.

pub mod pins;
pub mod route;
pub mod variables;

pub use pins::Pins;
pub use variables::State;
