//! From a configuration to a running machine: which parts, in which order, wired how.

mod address;
pub mod admin;
pub mod config;
mod door;
mod doors;
mod identity;
pub mod init;
pub mod join;
mod joining;
mod leave;
mod managers;
pub mod migrate;
mod ours;
pub mod parts;
mod recover;
mod reset;
mod server;
pub mod service;
pub mod snapshot;
pub mod status;
mod stores;
pub mod token;
mod waiting;
mod worker;

pub use address::{AddressError, Changed, change as change_address};
pub use config::{Config, ConfigError};
pub use leave::{LeaveError, leave};
pub use recover::{RecoverError, recover};
pub use reset::{ResetError, reset};
pub use server::{StartError, run};
