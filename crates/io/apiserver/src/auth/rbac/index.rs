//! Roles and bindings as the authorizer needs them: from a subject straight to the rules.
//!
//! Invariants
//! - Holds rules and names only, never whole objects.
//! - `by_user` and `by_group` name exactly the bindings in `bindings`.

use super::{Attributes, Decision, Rule, Target};
use crate::auth::UserInfo;
use apimachinery::Object;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// `(namespace, name)`; the namespace is empty for ClusterRoles and ClusterRoleBindings.
pub(super) type Key = (String, String);

#[derive(Default)]
pub(super) struct Index {
    roles: HashMap<Key, Role>,
    bindings: HashMap<Key, Arc<Binding>>,
    by_user: HashMap<String, Vec<Arc<Binding>>>,
    by_group: HashMap<String, Vec<Arc<Binding>>>,
}

/// A Role or ClusterRole.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub rules: Arc<[Rule]>,
    pub labels: BTreeMap<String, String>,
    /// `aggregationRule.clusterRoleSelectors`, where there is one.
    pub selectors: Option<Vec<Selector>>,
}

/// A RoleBinding or ClusterRoleBinding.
struct Binding {
    key: Key,
    role: Key,
    subjects: Vec<Subject>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    User(String),
    Group(String),
}

/// `metav1.LabelSelector`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Selector {
    pub match_labels: Option<BTreeMap<String, String>>,
    pub match_expressions: Option<Vec<Requirement>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Requirement {
    pub key: String,
    pub operator: String,
    pub values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct RawRole {
    rules: Option<Vec<Rule>>,
    aggregation_rule: Option<RawAggregation>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawAggregation {
    cluster_role_selectors: Option<Vec<Selector>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawBinding {
    subjects: Option<Vec<RawSubject>>,
    role_ref: RoleRef,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawSubject {
    kind: String,
    name: String,
    namespace: String,
}

/// `rbac.authorization.k8s.io/v1` RoleRef, without the group, which has one legal value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RoleRef {
    pub kind: String,
    pub name: String,
}

impl Index {
    pub fn put_role(&mut self, object: &Object) -> Result<(), serde_json::Error> {
        let raw: RawRole = object.decode()?;
        let selectors = raw.aggregation_rule.map(|rule| rule.cluster_role_selectors.unwrap_or_default());
        let rules = raw.rules.unwrap_or_default().into();
        self.roles.insert(key_of(object), Role { rules, labels: object.head.labels.clone(), selectors });
        Ok(())
    }

    pub fn remove_role(&mut self, object: &Object) {
        self.roles.remove(&key_of(object));
    }

    pub fn put_binding(&mut self, object: &Object) -> Result<(), serde_json::Error> {
        let raw: RawBinding = object.decode()?;
        let key = key_of(object);
        self.drop_binding(&key);
        let role = role_key(&key.0, raw.role_ref);
        let subjects = raw.subjects.unwrap_or_default().into_iter().filter_map(|raw| subject(raw, &key.0)).collect();
        let binding = Arc::new(Binding { role, subjects, key: key.clone() });
        for subject in &binding.subjects {
            let (by, name) = self.list_of(subject);
            by.entry(name.to_owned()).or_default().push(Arc::clone(&binding));
        }
        self.bindings.insert(key, binding);
        Ok(())
    }

    pub fn remove_binding(&mut self, object: &Object) {
        self.drop_binding(&key_of(object));
    }

    fn drop_binding(&mut self, key: &Key) {
        let Some(old) = self.bindings.remove(key) else { return };
        for subject in &old.subjects {
            let (by, name) = self.list_of(subject);
            if let Some(list) = by.get_mut(name) {
                list.retain(|binding| binding.key != *key);
                if list.is_empty() {
                    by.remove(name);
                }
            }
        }
    }

    fn list_of<'a>(&mut self, subject: &'a Subject) -> (&mut HashMap<String, Vec<Arc<Binding>>>, &'a str) {
        match subject {
            Subject::User(name) => (&mut self.by_user, name),
            Subject::Group(name) => (&mut self.by_group, name),
        }
    }

    /// Forgets every role (or binding) of the cluster scope, or every namespaced one: a fresh list follows.
    pub fn clear(&mut self, bindings: bool, cluster: bool) {
        if !bindings {
            self.roles.retain(|key, _| key.0.is_empty() != cluster);
            return;
        }
        let gone: Vec<Key> = self.bindings.keys().filter(|key| key.0.is_empty() == cluster).cloned().collect();
        for key in gone {
            self.drop_binding(&key);
        }
    }

    pub fn cluster_roles(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.roles.iter().filter(|(key, _)| key.0.is_empty()).map(|(key, role)| (key.1.as_str(), role))
    }

    /// Rules of the role a binding in `namespace` refers to.
    pub fn rules_of_role(&self, namespace: &str, role: RoleRef) -> Result<Arc<[Rule]>, String> {
        let key = role_key(namespace, role);
        self.roles.get(&key).map(|role| Arc::clone(&role.rules)).ok_or_else(|| missing(&key))
    }

    /// Whether a rule allows it; else which roles that bindings refer to do not exist, in words.
    pub fn permits(&self, asked: &Attributes<'_>) -> Result<(), String> {
        self.find(asked).map(drop)
    }

    pub fn decide(&self, asked: &Attributes<'_>) -> Decision {
        match self.find(asked) {
            Ok((who, binding)) => Decision::Allowed(allowed_by(binding, who)),
            Err(missing) => Decision::NoOpinion(missing),
        }
    }

    fn find<'a>(&'a self, asked: &'a Attributes<'_>) -> Result<(Who<'a>, &'a Binding), String> {
        let namespace = match asked.target {
            Target::Resource { namespace, .. } => namespace,
            Target::Path(_) => "",
        };
        let mut missing_roles = Vec::new();
        for (who, binding) in self.bindings_of(asked.user, namespace) {
            match self.roles.get(&binding.role) {
                Some(role) if role.rules.iter().any(|rule| rule.allows(asked.verb, &asked.target)) => {
                    return Ok((who, binding));
                }
                Some(_) => {}
                None => missing_roles.push(missing(&binding.role)),
            }
        }
        Err(said(missing_roles))
    }

    pub fn rules_of(&self, user: &UserInfo, namespace: &str) -> (Vec<Arc<[Rule]>>, Vec<String>) {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        for (_, binding) in self.bindings_of(user, namespace) {
            match self.roles.get(&binding.role) {
                Some(role) => rules.push(Arc::clone(&role.rules)),
                None => errors.push(missing(&binding.role)),
            }
        }
        (rules, errors)
    }

    /// Bindings of the cluster and of the namespace (if not empty) that name the user or one of its groups.
    fn bindings_of<'a>(
        &'a self,
        user: &'a UserInfo,
        namespace: &'a str,
    ) -> impl Iterator<Item = (Who<'a>, &'a Binding)> {
        let own = self.by_user.get(&user.name).map(|list| (Who::User(&user.name), list));
        let groups = user.groups.iter().filter_map(|group| Some((Who::Group(group), self.by_group.get(group)?)));
        own.into_iter()
            .chain(groups)
            .flat_map(|(who, list)| list.iter().map(move |binding| (who, &**binding)))
            .filter(move |(_, binding)| binding.key.0.is_empty() || binding.key.0 == namespace)
    }
}

/// By which of its names a user was found.
#[derive(Clone, Copy)]
enum Who<'a> {
    User(&'a str),
    Group(&'a str),
}

fn key_of(object: &Object) -> Key {
    (object.head.namespace.clone(), object.head.name.clone())
}

fn role_key(namespace: &str, role: RoleRef) -> Key {
    let namespace = if role.kind == "Role" { namespace.to_owned() } else { String::new() };
    (namespace, role.name)
}

fn subject(raw: RawSubject, binding_namespace: &str) -> Option<Subject> {
    match raw.kind.as_str() {
        "User" => Some(Subject::User(raw.name)),
        "Group" => Some(Subject::Group(raw.name)),
        "ServiceAccount" => {
            let namespace = if raw.namespace.is_empty() { binding_namespace } else { &raw.namespace };
            // Without a namespace it names nobody.
            (!namespace.is_empty()).then(|| Subject::User(format!("system:serviceaccount:{namespace}:{}", raw.name)))
        }
        _ => None,
    }
}

fn missing(role: &Key) -> String {
    let kind = if role.0.is_empty() { "clusterrole" } else { "role" };
    format!("{kind}.rbac.authorization.k8s.io {:?} not found", role.1)
}

/// `RBAC: a`, `RBAC: [a, b]`, or nothing.
fn said(mut missing: Vec<String>) -> String {
    missing.sort();
    missing.dedup();
    match missing.as_slice() {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        many => format!("RBAC: [{}]", many.join(", ")),
    }
}

fn allowed_by(binding: &Binding, subject: Who<'_>) -> String {
    let (kind, place) = if binding.key.0.is_empty() {
        ("ClusterRoleBinding", binding.key.1.clone())
    } else {
        ("RoleBinding", format!("{}/{}", binding.key.1, binding.key.0))
    };
    let role = if binding.role.0.is_empty() { "ClusterRole" } else { "Role" };
    let (who, name) = match subject {
        Who::Group(name) => ("Group", format!("{name:?}")),
        Who::User(name) => match crate::auth::user::split_service_account(name) {
            Some((namespace, account)) => ("ServiceAccount", format!("\"{account}/{namespace}\"")),
            None => ("User", format!("{name:?}")),
        },
    };
    format!("RBAC: allowed by {kind} {place:?} of {role} {:?} to {who} {name}", binding.role.1)
}
