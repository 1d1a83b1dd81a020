//! `authorization.k8s.io/v1`: reviews of what somebody may do.

pub mod local_subject_access_review;
mod rules;
pub mod self_subject_access_review;
pub mod self_subject_rules_review;
pub mod subject_access_review;
