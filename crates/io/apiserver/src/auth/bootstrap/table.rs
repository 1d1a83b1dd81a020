//! How the tables are written, and what becomes of them.

use super::{cluster_roles, controller_roles, join_roles};
use crate::auth::rbac::Rule;
use apimachinery::Value;
use serde_json::json;
use std::sync::OnceLock;

/// Read-only access.
pub const READ: &str = "get list watch";
/// Write access without reading.
pub const WRITE: &str = "create delete deletecollection patch update";
/// Both.
pub const ALL: &str = "create delete deletecollection get list patch update watch";

/// A rule: verbs, groups, resources and names, each a list separated by spaces. The core group is written `core`.
/// A rule whose resources start with `/` is one of paths.
pub type Line = (&'static str, &'static str, &'static str, &'static str);

pub const fn on(verbs: &'static str, groups: &'static str, resources: &'static str) -> Line {
    (verbs, groups, resources, "")
}

pub const fn named(verbs: &'static str, group: &'static str, resources: &'static str, names: &'static str) -> Line {
    (verbs, group, resources, names)
}

pub const fn paths(paths: &'static str) -> Line {
    ("get", "", paths, "")
}

/// Every component that reports what it does.
pub const EVENTS: Line = on("create patch update", "core events.k8s.io", "events");

/// A ClusterRole, or a Role where `namespace` is not empty.
pub struct Role {
    pub name: &'static str,
    pub namespace: &'static str,
    /// `admin`, `edit`, `view`: the role whose rules this one joins.
    pub joins: &'static str,
    /// The same for the role that gathers rules instead of having its own.
    pub gathers: &'static str,
    pub rules: &'static [Line],
}

impl Role {
    pub const fn cluster(name: &'static str, rules: &'static [Line]) -> Self {
        Self { name, namespace: "", joins: "", gathers: "", rules }
    }

    pub const fn in_namespace(namespace: &'static str, name: &'static str, rules: &'static [Line]) -> Self {
        Self { namespace, ..Self::cluster(name, rules) }
    }
}

/// A binding to `role`; subjects are `User:x`, `Group:x` or `ServiceAccount:namespace:x`.
pub struct Binding {
    pub name: &'static str,
    pub namespace: &'static str,
    pub role: &'static str,
    pub subjects: &'static [&'static str],
}

/// All of them, as documents ready to be created: roles before the bindings to them.
pub fn objects() -> Vec<Value> {
    let roles = cluster_roles::ROLES.iter().map(role);
    let controllers = controller_roles::ROLES.iter().map(|(name, rules)| controller_role(name, rules));
    let namespaced = controller_roles::NAMESPACED_ROLES.iter().chain(join_roles::ROLES).map(role);
    let bindings = cluster_roles::BINDINGS.iter().chain(controller_roles::NAMESPACED_BINDINGS);
    let bindings = bindings.chain(join_roles::BINDINGS).map(binding);
    let controller_bindings = controller_roles::ROLES.iter().map(|(name, _)| controller_binding(name));
    roles.chain(controllers).chain(namespaced).chain(bindings).chain(controller_bindings).collect()
}

/// What a node may do with resources that are not divided among nodes. Upstream: `NodeRules`.
pub fn node_rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| cluster_roles::NODE.iter().map(rule).collect())
}

fn role(role: &Role) -> Value {
    let kind = if role.namespace.is_empty() { "ClusterRole" } else { "Role" };
    let mut object = document(kind, role.name, role.namespace);
    object["rules"] = rules(role.rules);
    if !role.joins.is_empty() {
        object["metadata"]["labels"][label(role.joins)] = "true".into();
    }
    if !role.gathers.is_empty() {
        object["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label(role.gathers): "true"}}]});
    }
    object
}

fn controller_role(name: &str, lines: &[Line]) -> Value {
    let mut object = document("ClusterRole", &format!("system:controller:{name}"), "");
    object["rules"] = rules(lines);
    object
}

fn controller_binding(name: &str) -> Value {
    let full = format!("system:controller:{name}");
    let mut object = document("ClusterRoleBinding", &full, "");
    object["roleRef"] = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": full});
    object["subjects"] = json!([{"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}]);
    object
}

fn binding(binding: &Binding) -> Value {
    let (kind, role) =
        if binding.namespace.is_empty() { ("ClusterRoleBinding", "ClusterRole") } else { ("RoleBinding", "Role") };
    let mut object = document(kind, binding.name, binding.namespace);
    object["roleRef"] = json!({"apiGroup": GROUP, "kind": role, "name": binding.role});
    object["subjects"] = binding.subjects.iter().map(|text| subject(text)).collect();
    object
}

fn subject(text: &str) -> Value {
    match text.split_once(':') {
        Some(("ServiceAccount", rest)) => {
            let (namespace, name) = rest.split_once(':').unwrap_or(("", rest));
            json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
        }
        Some((kind, name)) => json!({"apiGroup": GROUP, "kind": kind, "name": name}),
        None => Value::Null,
    }
}

const GROUP: &str = "rbac.authorization.k8s.io";

fn document(kind: &str, name: &str, namespace: &str) -> Value {
    let mut object = json!({
        "kind": kind,
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

fn label(role: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{role}")
}

fn rules(lines: &[Line]) -> Value {
    json!(lines.iter().map(rule).collect::<Vec<_>>())
}

fn rule(&(verbs, groups, resources, names): &Line) -> Rule {
    let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if groups.is_empty() {
        return Rule { verbs: list(verbs), non_resource_urls: list(resources), ..Rule::default() };
    }
    let group = |name: &str| if name == "core" { String::new() } else { name.to_owned() };
    Rule {
        verbs: list(verbs),
        api_groups: groups.split_whitespace().map(group).collect(),
        resources: list(resources),
        resource_names: list(names),
        non_resource_urls: Vec::new(),
    }
}
