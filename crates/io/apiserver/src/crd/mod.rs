//! Custom resources: what one version of a custom kind is, and the part that serves them live.

mod version;

pub use version::CustomVersion;
