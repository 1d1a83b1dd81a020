//! Turning a wanted container into an OCI bundle.
