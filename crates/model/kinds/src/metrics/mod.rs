//! `metrics.k8s.io/v1beta1`: what nodes and pods use now. Answered from the nodes' statistics, never stored.

pub mod node_metrics;
pub mod pod_metrics;

/// What can be done with measurements.
const READ_ONLY: &[&str] = &["get", "list"];
