//! The node agent: makes the pods that the API binds to this node run, and says how they are.
//!
//! `pods` decides; this crate acts on runtime, network and volumes. One task per pod; nothing polls.
//!
//! Invariants
//! - Containers outlive the agent: a new one takes over what runs, by the pod's uid.
//! - What fails or hangs (a volume driver, a registry) delays its own pod only.
//! - Everything on disk lies under [`Config::data_dir`] and [`Config::log_dir`]; a folder is never removed while
//!   something is mounted below it.

mod agent;
mod clock_watch;
mod config;
mod container;
mod door;
mod follow;
mod hooks;
mod metrics;
mod mounts;
mod node_object;
mod pod;
mod probes;
pub mod serve;
mod static_views;
mod stats;
mod volumes;
mod watched;

pub use agent::{Node, StartError};
pub use config::{Config, EvictionHard};
pub use node_object::register;
pub use pod::grace_of;
pub use static_views::StaticView;
pub use stats::{ContainerUsage, PodUsage, UsageSnapshot};

/// Unmounts what pods of this configuration had mounted, for `barque reset`. No agent may run.
///
/// # Errors
/// Names what stays mounted: nothing below [`Config::data_dir`] may be removed then.
pub fn purge(config: &Config) -> Result<(), String> {
    volumes::unmount_all(&config.data_dir)
}
