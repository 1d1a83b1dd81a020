//! Custom resources: definitions become resources of the same table as the built-in kinds.

pub mod controller;
mod definition;
mod json_path;
mod version;

pub(crate) use definition::set as set_condition;
pub use version::CustomVersion;
