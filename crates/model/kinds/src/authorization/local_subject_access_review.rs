//! `authorization.k8s.io/v1` LocalSubjectAccessReview: may somebody do this in this namespace.

use super::rules;
use crate::KindDef;
use crate::def::CREATE_ONLY;

pub const KIND: KindDef = KindDef {
    verbs: CREATE_ONLY,
    validate: rules::local_question,
    ..KindDef::new(
        ("authorization.k8s.io", "v1", "LocalSubjectAccessReview"),
        ("localsubjectaccessreviews", "localsubjectaccessreview"),
        "io.k8s.api.authorization.v1.LocalSubjectAccessReview",
    )
};
