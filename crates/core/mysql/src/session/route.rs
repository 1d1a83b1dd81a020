//! Where a statement goes.
