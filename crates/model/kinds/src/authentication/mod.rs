//! `authentication.k8s.io/v1`: reviews of who somebody is.

pub mod self_subject_review;
pub mod token_review;
