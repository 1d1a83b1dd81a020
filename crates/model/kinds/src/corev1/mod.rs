//! The core group, `v1`.

pub mod bootstrap_token;
pub mod config_map;
pub mod endpoints;
pub mod event;
pub mod namespace;
pub mod node;
pub mod persistent_volume;
pub mod persistent_volume_claim;
pub mod pod;
pub mod pod_template;
pub mod secret;
pub mod service;
pub mod service_account;
pub mod service_addresses;
mod service_rules;
