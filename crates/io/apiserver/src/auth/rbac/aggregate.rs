//! Aggregated ClusterRoles: `admin`, `edit`, `view` and whatever else selects other roles by label.
//!
//! Upstream: `pkg/controller/clusterroleaggregation`.

use super::Rule;
use super::index::{Requirement, Role, Selector};
use std::collections::{BTreeMap, HashMap};

/// Aggregating roles whose rules are not what they should be: `(name, rules)`, by name.
pub(super) fn stale<'a>(roles: impl Iterator<Item = (&'a str, &'a Role)>) -> Vec<(String, Vec<Rule>)> {
    let roles: HashMap<&str, &Role> = roles.collect();
    let mut names: Vec<&str> = roles.keys().copied().collect();
    names.sort_unstable();
    let mut changed = Vec::new();
    for name in &names {
        let role = roles[name];
        let Some(selectors) = &role.selectors else { continue };
        let others = names.iter().filter(|other| *other != name).map(|other| roles[other]);
        let rules = gathered(selectors, &others.collect::<Vec<_>>());
        if rules[..] != role.rules[..] {
            changed.push(((*name).to_owned(), rules));
        }
    }
    changed
}

/// The rules of all roles any selector matches, in selector and name order, each once.
fn gathered(selectors: &[Selector], others: &[&Role]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for selector in selectors {
        for role in others.iter().filter(|role| selector.matches(&role.labels)) {
            for rule in role.rules.iter() {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    rules
}

impl Selector {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let exact = self.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
        exact && self.match_expressions.iter().flatten().all(|wanted| wanted.matches(labels))
    }
}

impl Requirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.iter().flatten().any(|own| own == value));
        match self.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}
