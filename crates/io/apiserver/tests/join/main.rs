//! What a machine that joins talks to: signing requests, bootstrap tokens, `cluster-info`, and several servers on one
//! store.

mod certificates;
#[allow(dead_code)] // the store's own tests use all of it
#[path = "../../../store/tests/backends/etcd_server.rs"]
mod etcd_server;
mod lagging;
mod several;
mod tokens;
#[path = "../world/mod.rs"]
mod world;
