//! `authorization.k8s.io/v1` SelfSubjectRulesReview: what may I do in this namespace.

use crate::def::CREATE_ONLY;
use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    scope: Scope::Cluster,
    verbs: CREATE_ONLY,
    ..KindDef::new(
        ("authorization.k8s.io", "v1", "SelfSubjectRulesReview"),
        ("selfsubjectrulesreviews", "selfsubjectrulesreview"),
        "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
    )
};
