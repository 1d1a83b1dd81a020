//! The one loop that runs controllers and the scheduler against the API.
//!
//! Invariants
//! - A controller decides on a view at least as new as its own last write for that key.
//! - One key of one controller is worked on by one worker at a time.
//! - A key that fails delays only itself.

pub mod certificates;
pub mod driver;
pub mod execute;
pub mod garbage;
pub mod informers;
pub mod local_path;
pub mod metrics;
pub mod namespaces;
pub mod queue;
pub mod scheduling;

pub use certificates::{Order, Signer, run_certificates};
pub use driver::run_controllers;
pub use garbage::run_garbage_collector;
pub use informers::Informers;
pub use local_path::{LocalPath, run_local_path};
pub use metrics::Metrics;
pub use namespaces::run_namespaces;
pub use scheduling::run_scheduler;
