//! `events.k8s.io/v1`.

pub mod columns;
pub mod event;
pub mod rules;
