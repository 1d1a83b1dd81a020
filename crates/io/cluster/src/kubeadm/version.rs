//! The versions of kubeadm's configuration.

use std::fmt;

/// In the order of their release, so that they compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    V1Beta1,
    V1Beta2,
    V1Beta3,
    V1Beta4,
}

impl Version {
    pub const ALL: [Self; 4] = [Self::V1Beta1, Self::V1Beta2, Self::V1Beta3, Self::V1Beta4];

    /// By a document's `apiVersion`.
    pub fn of(api_version: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.to_string() == api_version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::V1Beta1 => "v1beta1",
            Self::V1Beta2 => "v1beta2",
            Self::V1Beta3 => "v1beta3",
            Self::V1Beta4 => "v1beta4",
        };
        write!(f, "kubeadm.k8s.io/{name}")
    }
}
