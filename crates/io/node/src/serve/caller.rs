//! Who asks, by the client certificate: the common name is the user, the organizations are its groups.

use apimachinery::{ApiError, ApiResult, Reason};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Those who may ask for everything: administrators, and the API server's `apiserver-kubelet-client`.
const ADMINISTRATORS: [&str; 2] = ["system:masters", "kubeadm:cluster-admins"];

#[derive(Debug, PartialEq, Eq)]
pub enum Caller {
    Nobody,
    User { name: String, groups: Vec<String> },
}

impl Caller {
    /// `certificate`: DER, whose chain TLS has verified.
    pub fn of(certificate: Option<&[u8]>) -> Self {
        certificate.and_then(read).unwrap_or(Self::Nobody)
    }

    /// # Errors
    /// 401 or 403.
    pub fn authorize(&self) -> ApiResult<()> {
        match self {
            Self::Nobody => {
                let text = "a client certificate of the cluster's authority is required";
                Err(ApiError::new(Reason::Unauthorized, text))
            }
            Self::User { groups, .. } if groups.iter().any(|group| ADMINISTRATORS.contains(&group.as_str())) => Ok(()),
            Self::User { name, .. } => {
                let groups = ADMINISTRATORS.join(" and ");
                let text = format!("user {name:?} may not use the node agent; only members of {groups} may");
                Err(ApiError::new(Reason::Forbidden, text))
            }
        }
    }
}

fn read(der: &[u8]) -> Option<Caller> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().find_map(|name| name.as_str().ok()).filter(|name| !name.is_empty())?;
    let groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
    Some(Caller::User { name: name.to_owned(), groups: groups.map(str::to_owned).collect() })
}
