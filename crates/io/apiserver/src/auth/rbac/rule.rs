//! One PolicyRule: what it covers, what it is short of.
//!
//! Upstream: `pkg/apis/rbac/v1/evaluation_helpers.go`, `component-helpers/auth/rbac/validation/policy_comparator.go`.

use super::Target;
use serde::{Deserialize, Serialize};

/// `rbac.authorization.k8s.io/v1` PolicyRule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub verbs: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    #[serde(
        default,
        rename = "nonResourceURLs",
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<String>,
}

impl Rule {
    /// Whether this rule allows the verb on the target.
    pub fn allows(&self, verb: &str, target: &Target<'_>) -> bool {
        match *target {
            Target::Path(path) => has(&self.verbs, verb) && self.covers_path(path),
            Target::Resource { group, resource, subresource, name, .. } => {
                has(&self.verbs, verb)
                    && has(&self.api_groups, group)
                    && self.resources.iter().any(|rule| covers_resource(rule, resource, subresource))
                    && (self.resource_names.is_empty() || self.resource_names.iter().any(|own| own == name))
            }
        }
    }

    fn covers_path(&self, path: &str) -> bool {
        self.non_resource_urls.iter().any(|rule| covers_path(rule, path))
    }

    /// Whether everything `wanted` allows is allowed by this one rule. `wanted` is broken down: one verb, one group,
    /// one resource, at most one name.
    pub fn covers(&self, wanted: &Rule) -> bool {
        let verbs = wanted.verbs.iter().all(|verb| has(&self.verbs, verb));
        let groups = wanted.api_groups.iter().all(|group| has(&self.api_groups, group));
        let resources = wanted.resources.iter().all(|wanted| {
            let (resource, subresource) = wanted.split_once('/').unwrap_or((wanted, ""));
            self.resources.iter().any(|own| own == wanted || covers_resource(own, resource, subresource))
        });
        let names = self.resource_names.is_empty()
            || (!wanted.resource_names.is_empty()
                && wanted.resource_names.iter().all(|name| self.resource_names.contains(name)));
        let paths = wanted.non_resource_urls.iter().all(|path| self.covers_path(path));
        // A rule without resources covers no resource, one without paths no path: `all` over the wanted sees to it.
        verbs && groups && resources && names && paths
    }

    /// Splits into rules of one verb and one group, resource and name, or one path each.
    pub fn broken_down(&self) -> Vec<Rule> {
        let mut parts = Vec::new();
        for verb in &self.verbs {
            for url in &self.non_resource_urls {
                let non_resource_urls = vec![url.clone()];
                parts.push(Rule { verbs: vec![verb.clone()], non_resource_urls, ..Rule::default() });
            }
        }
        for group in &self.api_groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    let part = Rule {
                        verbs: vec![verb.clone()],
                        api_groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        ..Rule::default()
                    };
                    if self.resource_names.is_empty() {
                        parts.push(part);
                        continue;
                    }
                    let names = self.resource_names.iter();
                    parts.extend(names.map(|name| Rule { resource_names: vec![name.clone()], ..part.clone() }));
                }
            }
        }
        parts
    }
}

/// `*` or the very text.
fn has(list: &[String], text: &str) -> bool {
    list.iter().any(|own| own == "*" || own == text)
}

/// `*` covers all, `*/scale` that subresource of all, `pods` only the resource, `pods/log` only the subresource.
fn covers_resource(rule: &str, resource: &str, subresource: &str) -> bool {
    if rule == "*" {
        return true;
    }
    match rule.split_once('/') {
        None => subresource.is_empty() && rule == resource,
        Some((own, sub)) => !subresource.is_empty() && sub == subresource && (own == "*" || own == resource),
    }
}

/// `*`, the very path, or a prefix that ends in `*`.
fn covers_path(rule: &str, path: &str) -> bool {
    rule == "*" || rule == path || rule.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
