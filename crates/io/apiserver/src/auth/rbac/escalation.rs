//! Nobody hands out more than they hold: the check on every write of a role or a binding.
//!
//! Upstream: `pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased`,
//! `pkg/registry/rbac/validation/rule.go`.

use super::authorizer::{Attributes, Authorizer, Target, refused};
use super::index::RoleRef;
use super::rule::Rule;
use crate::auth::UserInfo;
use crate::auth::user::MASTERS;
use apimachinery::{ApiError, ApiResult, Reason, Value};
use serde::Deserialize;

pub const GROUP: &str = "rbac.authorization.k8s.io";

/// A create or update of an object of [`GROUP`].
pub struct Write<'a> {
    pub user: &'a UserInfo,
    /// `roles`, `clusterroles`, `rolebindings`, `clusterrolebindings`; others pass.
    pub resource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub new: &'a Value,
    pub old: Option<&'a Value>,
}

/// Judges a write of any kind of the RBAC group.
///
/// # Errors
/// 403 with what is missing; 404 if a binding's role does not exist and the user may not `bind` it unseen.
pub fn check(authorizer: &Authorizer, write: &Write<'_>) -> ApiResult<()> {
    if write.user.is_in(MASTERS) {
        return Ok(());
    }
    match write.resource {
        "roles" | "clusterroles" => check_role(authorizer, write),
        "rolebindings" | "clusterrolebindings" => check_binding(authorizer, write),
        _ => Ok(()),
    }
}

fn check_role(authorizer: &Authorizer, write: &Write<'_>) -> ApiResult<()> {
    if unchanged(write, &["rules", "aggregationRule"])
        || allowed(authorizer, write, "escalate", write.resource, write.name)
    {
        return Ok(());
    }
    let aggregates = |object: &Value| {
        object["aggregationRule"]["clusterRoleSelectors"].as_array().is_some_and(|list| !list.is_empty())
    };
    if aggregates(write.new)
        && !unchanged(write, &["aggregationRule"])
        && missing(authorizer, write, &everything()).is_some()
    {
        return Err(forbid(write, "must have cluster-admin privileges to use an aggregationRule"));
    }
    let rules: Vec<Rule> = Option::deserialize(&write.new["rules"])
        .map_err(|error| ApiError::bad_request(format!("rules: {error}")))?
        .unwrap_or_default();
    hold(authorizer, write, &rules)
}

fn check_binding(authorizer: &Authorizer, write: &Write<'_>) -> ApiResult<()> {
    if unchanged(write, &["roleRef", "subjects"]) {
        return Ok(());
    }
    let role = RoleRef::deserialize(&write.new["roleRef"])
        .map_err(|error| ApiError::bad_request(format!("roleRef: {error}")))?;
    let resource = if role.kind == "Role" { "roles" } else { "clusterroles" };
    if allowed(authorizer, write, "bind", resource, &role.name) {
        return Ok(());
    }
    let rules = authorizer
        .read(|index| index.rules_of_role(write.namespace, role))
        .map_err(|missing| ApiError::new(Reason::NotFound, missing))?;
    hold(authorizer, write, &rules)
}

/// Whether none of these fields differs from the object before.
fn unchanged(write: &Write<'_>, fields: &[&str]) -> bool {
    write.old.is_some_and(|old| fields.iter().all(|field| old[*field] == write.new[*field]))
}

fn allowed(authorizer: &Authorizer, write: &Write<'_>, verb: &str, resource: &str, name: &str) -> bool {
    let target = Target::Resource { group: GROUP, resource, subresource: "", namespace: write.namespace, name };
    authorizer.allows(&Attributes { user: write.user, verb, target })
}

fn hold(authorizer: &Authorizer, write: &Write<'_>, rules: &[Rule]) -> ApiResult<()> {
    match missing(authorizer, write, rules) {
        None => Ok(()),
        Some(missing) => {
            let (name, groups) = (&write.user.name, quoted(&write.user.groups));
            let head =
                format!("user {name:?} (groups={groups}) is attempting to grant RBAC permissions not currently held:");
            Err(forbid(write, &format!("{head}\n{missing}")))
        }
    }
}

/// What of `rules` the user does not hold, one line a rule; None if nothing.
fn missing(authorizer: &Authorizer, write: &Write<'_>, rules: &[Rule]) -> Option<String> {
    let (held, errors) = authorizer.rules_of(write.user, write.namespace);
    let parts = rules.iter().flat_map(Rule::broken_down);
    let missing: Vec<Rule> =
        parts.filter(|part| !held.iter().flat_map(|rules| rules.iter()).any(|own| own.covers(part))).collect();
    if missing.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = compact(missing).iter().map(described).collect();
    lines.sort();
    lines.dedup();
    let mut text = lines.join("\n");
    if !errors.is_empty() {
        text += &format!("; resolution errors: [{}]", errors.join(", "));
    }
    Some(text)
}

/// Joins parts that differ only in their verb.
fn compact(parts: Vec<Rule>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for part in parts {
        let same = rules.iter_mut().find(|rule| {
            rule.api_groups == part.api_groups
                && rule.resources == part.resources
                && rule.resource_names == part.resource_names
                && rule.non_resource_urls == part.non_resource_urls
        });
        match same {
            Some(rule) => {
                let new = part.verbs.into_iter().filter(|verb| !rule.verbs.contains(verb)).collect::<Vec<_>>();
                rule.verbs.extend(new);
            }
            None => rules.push(part),
        }
    }
    rules
}

/// `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`
fn described(rule: &Rule) -> String {
    let parts = [
        ("APIGroups", &rule.api_groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.non_resource_urls),
        ("ResourceNames", &rule.resource_names),
        ("Verbs", &rule.verbs),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name}:{}", quoted(list)))
        .collect();
    format!("{{{}}}", shown.join(", "))
}

/// As Go's `%q` shows a list of texts.
fn quoted(list: &[String]) -> String {
    let texts: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", texts.join(" "))
}

fn everything() -> [Rule; 2] {
    let all = || vec!["*".to_owned()];
    [
        Rule { verbs: all(), api_groups: all(), resources: all(), ..Rule::default() },
        Rule { verbs: all(), non_resource_urls: all(), ..Rule::default() },
    ]
}

fn forbid(write: &Write<'_>, why: &str) -> ApiError {
    refused(GROUP, write.resource, write.name, why)
}
