//! `authorization.k8s.io/v1` SubjectAccessReview: may somebody do this.

use super::rules;
use crate::def::CREATE_ONLY;
use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    scope: Scope::Cluster,
    verbs: CREATE_ONLY,
    validate: rules::somebodys_question,
    ..KindDef::new(
        ("authorization.k8s.io", "v1", "SubjectAccessReview"),
        ("subjectaccessreviews", "subjectaccessreview"),
        "io.k8s.api.authorization.v1.SubjectAccessReview",
    )
};
