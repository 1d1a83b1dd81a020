//! May this user do this? The question every request is asked, answered from memory.
//!
//! Upstream: `plugin/pkg/auth/authorizer/rbac/rbac.go`; the words of a refusal from
//! `apiserver/pkg/endpoints/handlers/responsewriters/errors.go`.

use super::Rule;
use super::index::Index;
use crate::auth::UserInfo;
use crate::auth::node::{self, Graph};
use crate::auth::user::MASTERS;
use apimachinery::{ApiError, ApiResult, Reason};
use serde_json::json;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Notify, watch};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// `namespace` and `name` are empty where the request names none; `group` is empty for the core group.
    Resource { group: &'a str, resource: &'a str, subresource: &'a str, namespace: &'a str, name: &'a str },
    /// `/version`, `/healthz`...
    Path(&'a str),
}

/// One question. The verb is RBAC's: get list watch create update patch delete deletecollection, or a path's
/// lower-case HTTP method.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    pub user: &'a UserInfo,
    pub verb: &'a str,
    pub target: Target<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`
    Allowed(String),
    /// Nobody allows it. The reason is empty, or names roles that bindings refer to and that do not exist.
    NoOpinion(String),
}

/// Cheap to ask from any thread; kept current by [`super::follow::run`].
#[derive(Default)]
pub struct Authorizer {
    index: RwLock<Index>,
    /// What nodes may read. Fed by the watch cache.
    pub graph: Graph,
    /// One bit for each followed resource that has been listed.
    listed: watch::Sender<u8>,
    /// ClusterRoles changed: aggregated ones may be stale.
    pub(super) changed: Notify,
}

/// All four resources.
const ALL_LISTED: u8 = 0b1111;

impl Authorizer {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn authorize(&self, asked: &Attributes<'_>) -> Decision {
        if asked.user.is_in(MASTERS) {
            return Decision::Allowed(String::new());
        }
        let why = match node::opinion(&self.graph, asked) {
            Some(Ok(())) => return Decision::Allowed(String::new()),
            Some(Err(why)) => why,
            None => String::new(),
        };
        match self.read(|index| index.decide(asked)) {
            Decision::NoOpinion(reason) => Decision::NoOpinion(joined(why, reason)),
            allowed => allowed,
        }
    }

    /// Like [`Self::authorize`], without the reason.
    pub fn allows(&self, asked: &Attributes<'_>) -> bool {
        self.permits(asked).is_ok()
    }

    /// # Errors
    /// 403 in upstream's words.
    pub fn check(&self, asked: &Attributes<'_>) -> ApiResult<()> {
        self.permits(asked).map_err(|reason| forbidden(asked, &reason))
    }

    fn permits(&self, asked: &Attributes<'_>) -> Result<(), String> {
        if asked.user.is_in(MASTERS) {
            return Ok(());
        }
        let why = match node::opinion(&self.graph, asked) {
            Some(Ok(())) => return Ok(()),
            Some(Err(why)) => why,
            None => String::new(),
        };
        self.read(|index| index.permits(asked)).map_err(|reason| joined(why, reason))
    }

    /// All rules the user holds in the namespace (with those of the whole cluster), and what could not be resolved.
    pub fn rules_of(&self, user: &UserInfo, namespace: &str) -> (Vec<Arc<[Rule]>>, Vec<String>) {
        self.read(|index| index.rules_of(user, namespace))
    }

    /// Whether every role and binding has been seen since the start.
    pub fn is_synced(&self) -> bool {
        *self.listed.borrow() == ALL_LISTED
    }

    /// Waits for [`Self::is_synced`]; before that only system:masters are allowed anything.
    pub async fn synced(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        _ = self.listed.subscribe().wait_for(|listed| *listed == ALL_LISTED).await;
    }

    pub(super) fn mark_synced(&self, number: usize) {
        self.listed.send_modify(|listed| *listed |= 1 << number);
    }

    pub(super) fn read<T>(&self, ask: impl FnOnce(&Index) -> T) -> T {
        ask(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn write<T>(&self, change: impl FnOnce(&mut Index) -> T) -> T {
        change(&mut self.index.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"`
pub fn forbidden(asked: &Attributes<'_>, reason: &str) -> ApiError {
    let (user, verb) = (&asked.user.name, asked.verb);
    match asked.target {
        Target::Path(path) => {
            let why = with_reason(format!("User {user:?} cannot {verb} path {path:?}"), reason);
            ApiError::new(Reason::Forbidden, format!("forbidden: {why}")).with_details(json!({}))
        }
        Target::Resource { group, resource, subresource, namespace, name } => {
            let full = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
            let place = if namespace.is_empty() {
                "at the cluster scope".to_owned()
            } else {
                format!("in the namespace {namespace:?}")
            };
            let text = format!("User {user:?} cannot {verb} resource {full:?} in API group {group:?} {place}");
            refused(group, resource, name, &with_reason(text, reason))
        }
    }
}

/// `roles.rbac.authorization.k8s.io "x" is forbidden: <why>`
pub fn refused(group: &str, resource: &str, name: &str, why: &str) -> ApiError {
    let qualified = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let subject = if name.is_empty() { qualified } else { format!("{qualified} {name:?}") };
    ApiError::new(Reason::Forbidden, format!("{subject} is forbidden: {why}"))
        .with_details(json!({"name": name, "group": group, "kind": resource}))
}

/// Reasons of several authorizers. Upstream: `union`, whose list is written one a line.
fn joined(first: String, second: String) -> String {
    match (first.is_empty(), second.is_empty()) {
        (true, _) => second,
        (_, true) => first,
        _ => format!("{first}\n{second}"),
    }
}

fn with_reason(text: String, reason: &str) -> String {
    if reason.is_empty() { text } else { format!("{text}: {reason}") }
}
