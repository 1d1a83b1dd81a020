//! `v1` ServiceAccount: who a pod is towards the API.

use crate::cells::{AGE, NAME, column};
use crate::read::count;
use crate::{KindDef, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["sa"],
    subresources: &[Subresource::Special {
        name: "token",
        kind: ("authentication.k8s.io", "v1", "TokenRequest"),
        verbs: &["create"],
    }],
    columns: &[
        NAME,
        column("Secrets", "How many secrets pods of this account may use.", |account, _| {
            count(account, "secrets").into()
        }),
        AGE,
    ],
    ..KindDef::new(
        ("", "v1", "ServiceAccount"),
        ("serviceaccounts", "serviceaccount"),
        "io.k8s.api.core.v1.ServiceAccount",
    )
};
