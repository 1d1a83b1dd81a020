//! The structural schema of a custom resource.

/// A node of the schema.
#[derive(Debug, Default)]
pub struct Structural {}
