//! What the program says about itself: logs, metrics, health.

pub mod exposition;
pub mod health;
pub mod logs;
pub mod metrics;
pub mod process;

pub use health::{Check, Health, Verdict};
pub use metrics::Metrics;
