//! `v1` ServiceAccount: who a pod is towards the API.

use crate::{KindDef, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["sa"],
    subresources: &[Subresource::Special {
        name: "token",
        kind: ("authentication.k8s.io", "v1", "TokenRequest"),
        verbs: &["create"],
    }],
    ..KindDef::new(
        ("", "v1", "ServiceAccount"),
        ("serviceaccounts", "serviceaccount"),
        "io.k8s.api.core.v1.ServiceAccount",
    )
};
