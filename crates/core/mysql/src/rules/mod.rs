//! Query rules.
