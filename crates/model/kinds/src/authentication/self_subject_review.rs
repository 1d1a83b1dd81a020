//! `authentication.k8s.io/v1` SelfSubjectReview: who am I.

use crate::def::CREATE_ONLY;
use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    scope: Scope::Cluster,
    verbs: CREATE_ONLY,
    ..KindDef::new(
        ("authentication.k8s.io", "v1", "SelfSubjectReview"),
        ("selfsubjectreviews", "selfsubjectreview"),
        "io.k8s.api.authentication.v1.SelfSubjectReview",
    )
};
