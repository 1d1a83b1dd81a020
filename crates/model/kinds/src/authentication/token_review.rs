//! `authentication.k8s.io/v1` TokenReview: whose token is this.

use crate::def::CREATE_ONLY;
use crate::{KindDef, Scope};

pub const KIND: KindDef = KindDef {
    scope: Scope::Cluster,
    verbs: CREATE_ONLY,
    ..KindDef::new(
        ("authentication.k8s.io", "v1", "TokenReview"),
        ("tokenreviews", "tokenreview"),
        "io.k8s.api.authentication.v1.TokenReview",
    )
};
