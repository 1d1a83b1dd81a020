//! The API server as its users see it, on the real store: in process, over HTTP, and through kubectl.

mod custom;
mod election;
mod lists;
mod local;
mod nodes;
mod remote;
mod remote_breaks;
mod watches;
mod wire;
#[path = "../world/mod.rs"]
mod world;
