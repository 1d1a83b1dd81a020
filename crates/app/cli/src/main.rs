//! The `barque` binary.

fn main() {}
