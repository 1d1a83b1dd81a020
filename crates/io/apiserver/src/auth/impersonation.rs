//! `Impersonate-User` and its companions: acting as somebody else, if RBAC allows the verb `impersonate` on them.
//!
//! Upstream: `apiserver/pkg/endpoints/filters/impersonation.go`.

use super::rbac::{Attributes, Authorizer, Target};
use super::user::{ALL_UNAUTHENTICATED, UserInfo, split_service_account};
use apimachinery::{ApiError, ApiResult};
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use std::sync::Arc;

const USER: &str = "impersonate-user";
const UID: &str = "impersonate-uid";
const GROUP: &str = "impersonate-group";
const EXTRA: &str = "impersonate-extra-";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The user to go on with: the one given, or whom the headers ask for.
///
/// # Errors
/// 403 if `user` may not impersonate one of the names; 500 for groups without a user, as upstream.
pub fn apply(authorizer: &Authorizer, user: Arc<UserInfo>, headers: &HeaderMap) -> ApiResult<Arc<UserInfo>> {
    let wanted = requested(headers);
    if wanted == UserInfo::default() {
        return Ok(user);
    }
    if wanted.name.is_empty() {
        return Err(ApiError::internal("requested groups, uid or extra without impersonating a user"));
    }
    for target in targets(&wanted) {
        authorizer.check(&Attributes { user: &user, verb: "impersonate", target: target.as_target() })?;
    }
    Ok(Arc::new(completed(wanted)))
}

fn requested(headers: &HeaderMap) -> UserInfo {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let groups = headers.get_all(GROUP).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
    let mut wanted = UserInfo { name: text(USER), uid: text(UID), groups, ..UserInfo::default() };
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix(EXTRA) else { continue };
        let key = percent_decode_str(key).decode_utf8_lossy().to_lowercase();
        wanted.extra.entry(key).or_default().push(value.to_str().unwrap_or_default().to_owned());
    }
    wanted
}

/// A resource that must be impersonable.
struct Wanted<'a> {
    group: &'a str,
    resource: &'a str,
    subresource: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Wanted<'a> {
    fn as_target(&self) -> Target<'a> {
        let Self { group, resource, subresource, namespace, name } = *self;
        Target::Resource { group, resource, subresource, namespace, name }
    }
}

fn targets(wanted: &UserInfo) -> Vec<Wanted<'_>> {
    let of = |group, resource, name| Wanted { group, resource, subresource: "", namespace: "", name };
    let mut targets = vec![match split_service_account(&wanted.name) {
        Some((namespace, name)) => Wanted { namespace, ..of("", "serviceaccounts", name) },
        None => of("", "users", &wanted.name),
    }];
    targets.extend(wanted.groups.iter().map(|group| of("", "groups", group)));
    for (key, values) in &wanted.extra {
        targets
            .extend(values.iter().map(|value| Wanted { subresource: key, ..of(AUTHENTICATION, "userextras", value) }));
    }
    if !wanted.uid.is_empty() {
        targets.push(of(AUTHENTICATION, "uids", &wanted.uid));
    }
    targets
}

/// Adds the groups that go without saying.
fn completed(mut wanted: UserInfo) -> UserInfo {
    if wanted.groups.is_empty()
        && let Some((namespace, name)) = split_service_account(&wanted.name)
    {
        wanted.groups = UserInfo::service_account(namespace, name, "").groups;
    }
    if !wanted.is_anonymous() {
        wanted.add_authenticated();
    } else if !wanted.is_in(ALL_UNAUTHENTICATED) {
        wanted.groups.push(ALL_UNAUTHENTICATED.to_owned());
    }
    wanted
}
