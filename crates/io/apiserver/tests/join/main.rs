//! What a machine that joins talks to: signing requests, bootstrap tokens, `cluster-info`, and several servers on one
//! store.

mod certificates;
mod several;
mod tokens;
#[path = "../world/mod.rs"]
mod world;
