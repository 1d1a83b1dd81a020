//! The identity behind a request.
//!
//! Upstream: `apiserver/pkg/authentication/user`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const ANONYMOUS: &str = "system:anonymous";
pub const ALL_AUTHENTICATED: &str = "system:authenticated";
pub const ALL_UNAUTHENTICATED: &str = "system:unauthenticated";
/// Members may do everything; RBAC is not asked.
pub const MASTERS: &str = "system:masters";
pub const NODES: &str = "system:nodes";
pub const ALL_SERVICE_ACCOUNTS: &str = "system:serviceaccounts";

/// Upstream's `user.Info`; written as `authentication.k8s.io/v1` UserInfo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    #[serde(rename = "username", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// A user as authenticated: the group of all authenticated users is added.
    pub fn authenticated(name: impl Into<String>, groups: Vec<String>) -> Self {
        let mut user = Self { name: name.into(), groups, ..Self::default() };
        user.add_authenticated();
        user
    }

    /// Whoever shows no credentials.
    pub fn anonymous() -> Self {
        Self { name: ANONYMOUS.to_owned(), groups: vec![ALL_UNAUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// A service account by name; groups as upstream gives them.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let groups = vec![ALL_SERVICE_ACCOUNTS.to_owned(), format!("{ALL_SERVICE_ACCOUNTS}:{namespace}")];
        let mut user = Self::authenticated(format!("system:serviceaccount:{namespace}:{name}"), groups);
        user.uid = uid.to_owned();
        user
    }

    /// Our own components inside this process: everything is allowed.
    pub fn system(name: impl Into<String>) -> Self {
        Self::authenticated(name, vec![MASTERS.to_owned()])
    }

    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    pub fn is_anonymous(&self) -> bool {
        self.name == ANONYMOUS
    }

    pub(super) fn add_authenticated(&mut self) {
        if !self.is_in(ALL_AUTHENTICATED) && !self.is_in(ALL_UNAUTHENTICATED) {
            self.groups.push(ALL_AUTHENTICATED.to_owned());
        }
    }
}

/// `(namespace, name)` of `system:serviceaccount:<namespace>:<name>`.
pub fn split_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}
