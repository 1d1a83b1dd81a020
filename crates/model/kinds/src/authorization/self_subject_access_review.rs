//! `authorization.k8s.io/v1` SelfSubjectAccessReview: may I do this.

use super::rules;
use crate::def::CREATE_ONLY;
use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    scope: Scope::Cluster,
    verbs: CREATE_ONLY,
    validate: rules::one_question,
    ..KindDef::new(
        ("authorization.k8s.io", "v1", "SelfSubjectAccessReview"),
        ("selfsubjectaccessreviews", "selfsubjectaccessreview"),
        "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    )
};
