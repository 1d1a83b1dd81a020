//! `authorization.k8s.io/v1` LocalSubjectAccessReview: may somebody do this in this namespace.

use crate::KindDef;
use crate::def::CREATE_ONLY;

pub const KIND: KindDef = KindDef {
    verbs: CREATE_ONLY,
    ..KindDef::new(
        ("authorization.k8s.io", "v1", "LocalSubjectAccessReview"),
        ("localsubjectaccessreviews", "localsubjectaccessreview"),
        "io.k8s.api.authorization.v1.LocalSubjectAccessReview",
    )
};
