//! Golden decisions: the bootstrap roles and a few of a user's own.

use super::escalation::{Write, check};
use super::*;
use crate::auth::{UserInfo, bootstrap};
use apimachinery::{Object, Value};
use expect_test::{Expect, expect};
use serde_json::json;

fn authorizer() -> Authorizer {
    let authorizer = Authorizer::new();
    for object in bootstrap::objects().iter().chain(&own()) {
        put(&authorizer, object);
    }
    // view joins edit, edit joins admin: each round carries the rules one step further.
    for _ in 0..4 {
        for (name, rules) in authorizer.read(|index| aggregate::stale(index.cluster_roles())) {
            let mut role = bootstrap::objects().into_iter().find(|role| role["metadata"]["name"] == name).unwrap();
            role["rules"] = json!(rules);
            put(&authorizer, &role);
        }
    }
    authorizer
}

fn put(authorizer: &Authorizer, object: &Value) {
    let binding = object["kind"].as_str().unwrap().ends_with("Binding");
    let object = Object::from_value(object).unwrap();
    authorizer.write(|index| if binding { index.put_binding(&object) } else { index.put_role(&object) }).unwrap();
}

fn own() -> Vec<Value> {
    let role = |namespace: &str, name: &str, rules: Value| {
        let kind = if namespace.is_empty() { "ClusterRole" } else { "Role" };
        json!({"kind": kind, "metadata": {"name": name, "namespace": namespace}, "rules": rules})
    };
    let bind = |namespace: &str, name: &str, role: (&str, &str), subject: Value| {
        let kind = if namespace.is_empty() { "ClusterRoleBinding" } else { "RoleBinding" };
        json!({
            "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"kind": role.0, "name": role.1}, "subjects": [subject],
        })
    };
    let user = |name: &str| json!({"kind": "User", "name": name});
    vec![
        bind("default", "viewers", ("ClusterRole", "view"), json!({"kind": "Group", "name": "viewers"})),
        bind("default", "alice-admin", ("ClusterRole", "admin"), user("alice")),
        role(
            "default",
            "one-secret",
            json!([
                {"verbs": ["get", "update"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["db"]},
                {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"]},
                {"verbs": ["*"], "apiGroups": ["apps"], "resources": ["*/scale"]},
            ]),
        ),
        bind("default", "carol", ("Role", "one-secret"), user("carol")),
        bind("default", "ci", ("Role", "one-secret"), json!({"kind": "ServiceAccount", "name": "ci"})),
        bind("", "dave", ("ClusterRole", "gone"), user("dave")),
        role("", "metrics", json!([{"verbs": ["get"], "nonResourceURLs": ["/metrics", "/debug/*"]}])),
        bind("", "metrics", ("ClusterRole", "metrics"), user("prometheus")),
    ]
}

/// `user verb resource[.group][/sub][:name][@namespace]` or `user verb /path`; `user` is `a+group`.
#[track_caller]
fn decides(line: &str, expected: Expect) {
    let words: Vec<&str> = line.split(' ').collect();
    let (name, groups) = words[0].split_once('+').unwrap_or((words[0], ""));
    let groups: Vec<String> = groups.split('+').filter(|group| !group.is_empty()).map(str::to_owned).collect();
    let user = match name {
        "anonymous" => UserInfo::anonymous(),
        _ => UserInfo::authenticated(name, groups),
    };
    let asked = Attributes { user: &user, verb: words[1], target: target(words[2]) };
    let said = match (authorizer().authorize(&asked), authorizer().check(&asked)) {
        (Decision::Allowed(reason), Ok(())) => format!("allowed {reason}"),
        (Decision::NoOpinion(_), Err(error)) => format!("{} {}", error.code(), error.message()),
        other => panic!("authorize and check differ: {other:?}"),
    };
    expected.assert_eq(said.trim());
}

fn target(text: &str) -> Target<'_> {
    if text.starts_with('/') {
        return Target::Path(text);
    }
    let (text, namespace) = text.split_once('@').unwrap_or((text, ""));
    let (text, name) = text.split_once(':').unwrap_or((text, ""));
    let (text, subresource) = text.split_once('/').unwrap_or((text, ""));
    let (resource, group) = text.split_once('.').unwrap_or((text, ""));
    Target::Resource { group, resource, subresource, namespace, name }
}

#[test]
fn nobody_is_told_in_upstreams_words() {
    decides(
        "bob list pods@default",
        expect![[
            r#"403 pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default""#
        ]],
    );
    decides(
        "bob get deployments.apps/scale:web@prod",
        expect![[
            r#"403 deployments.apps "web" is forbidden: User "bob" cannot get resource "deployments/scale" in API group "apps" in the namespace "prod""#
        ]],
    );
    decides(
        "bob list nodes",
        expect![[
            r#"403 nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" at the cluster scope"#
        ]],
    );
    decides("bob get /metrics", expect![[r#"403 forbidden: User "bob" cannot get path "/metrics""#]]);
}

#[test]
fn anonymous_sees_health_and_version_only() {
    for path in ["/healthz", "/livez", "/readyz", "/version"] {
        decides(
            &format!("anonymous get {path}"),
            expect![[
                r#"allowed RBAC: allowed by ClusterRoleBinding "system:public-info-viewer" of ClusterRole "system:public-info-viewer" to Group "system:unauthenticated""#
            ]],
        );
    }
    decides("anonymous get /api", expect![[r#"403 forbidden: User "system:anonymous" cannot get path "/api""#]]);
    decides(
        "anonymous get /readyz/etcd",
        expect![[r#"403 forbidden: User "system:anonymous" cannot get path "/readyz/etcd""#]],
    );
    decides(
        "anonymous list pods@default",
        expect![[
            r#"403 pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default""#
        ]],
    );
    decides(
        "anonymous create selfsubjectaccessreviews.authorization.k8s.io",
        expect![[
            r#"403 selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "system:anonymous" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope"#
        ]],
    );
}

#[test]
fn everybody_known_may_discover_and_ask() {
    decides(
        "bob get /openapi/v3",
        expect![[
            r#"allowed RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated""#
        ]],
    );
    decides(
        "bob create selfsubjectreviews.authentication.k8s.io",
        expect![[
            r#"allowed RBAC: allowed by ClusterRoleBinding "system:basic-user" of ClusterRole "system:basic-user" to Group "system:authenticated""#
        ]],
    );
}

#[test]
fn masters_may_everything() {
    decides("root+system:masters delete secrets:x@kube-system", expect!["allowed"]);
    decides("root+system:masters get /anything", expect!["allowed"]);
}

#[test]
fn aggregated_roles_have_what_their_parts_have() {
    decides(
        "v+viewers get deployments.apps:web@default",
        expect![[r#"allowed RBAC: allowed by RoleBinding "viewers/default" of ClusterRole "view" to Group "viewers""#]],
    );
    decides(
        "v+viewers get pods/log:web@default",
        expect![[r#"allowed RBAC: allowed by RoleBinding "viewers/default" of ClusterRole "view" to Group "viewers""#]],
    );
    decides(
        "v+viewers get secrets:x@default",
        expect![[
            r#"403 secrets "x" is forbidden: User "v" cannot get resource "secrets" in API group "" in the namespace "default""#
        ]],
    );
    decides(
        "v+viewers list pods@other",
        expect![[
            r#"403 pods is forbidden: User "v" cannot list resource "pods" in API group "" in the namespace "other""#
        ]],
    );
    decides(
        "alice create pods/exec:web@default",
        expect![[
            r#"allowed RBAC: allowed by RoleBinding "alice-admin/default" of ClusterRole "admin" to User "alice""#
        ]],
    );
    decides(
        "alice list endpointslices.discovery.k8s.io@default",
        expect![[
            r#"allowed RBAC: allowed by RoleBinding "alice-admin/default" of ClusterRole "admin" to User "alice""#
        ]],
    );
    decides(
        "alice create resourcequotas@default",
        expect![[
            r#"403 resourcequotas is forbidden: User "alice" cannot create resource "resourcequotas" in API group "" in the namespace "default""#
        ]],
    );
}

#[test]
fn names_subresources_and_wildcards() {
    let allowed =
        || expect![[r#"allowed RBAC: allowed by RoleBinding "carol/default" of Role "one-secret" to User "carol""#]];
    decides("carol get secrets:db@default", allowed());
    decides("carol get pods/log:web@default", allowed());
    decides("carol patch deployments.apps/scale:web@default", allowed());
    decides(
        "carol get secrets:other@default",
        expect![[
            r#"403 secrets "other" is forbidden: User "carol" cannot get resource "secrets" in API group "" in the namespace "default""#
        ]],
    );
    decides(
        "carol list secrets@default",
        expect![[
            r#"403 secrets is forbidden: User "carol" cannot list resource "secrets" in API group "" in the namespace "default""#
        ]],
    );
    decides(
        "carol get pods:web@default",
        expect![[
            r#"403 pods "web" is forbidden: User "carol" cannot get resource "pods" in API group "" in the namespace "default""#
        ]],
    );
    decides(
        "system:serviceaccount:default:ci get secrets:db@default",
        expect![[
            r#"allowed RBAC: allowed by RoleBinding "ci/default" of Role "one-secret" to ServiceAccount "ci/default""#
        ]],
    );
    decides(
        "prometheus get /debug/pprof",
        expect![[
            r#"allowed RBAC: allowed by ClusterRoleBinding "metrics" of ClusterRole "metrics" to User "prometheus""#
        ]],
    );
}

#[test]
fn a_binding_to_nothing_is_named() {
    decides(
        "dave list pods",
        expect![[
            r#"403 pods is forbidden: User "dave" cannot list resource "pods" in API group "" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found"#
        ]],
    );
}

#[test]
fn nodes_and_controllers() {
    decides("system:node:n1+system:nodes update nodes/status:n1", expect!["allowed"]);
    decides(
        "system:serviceaccount:kube-system:job-controller create pods@any",
        expect![[
            r#"allowed RBAC: allowed by ClusterRoleBinding "system:controller:job-controller" of ClusterRole "system:controller:job-controller" to ServiceAccount "job-controller/kube-system""#
        ]],
    );
}

#[test]
fn a_removed_binding_allows_no_more() {
    let authorizer = authorizer();
    let user = UserInfo::authenticated("carol", Vec::new());
    let asked = Attributes { user: &user, verb: "get", target: target("secrets:db@default") };
    assert!(authorizer.allows(&asked));
    let binding = own().into_iter().find(|object| object["metadata"]["name"] == "carol").unwrap();
    authorizer.write(|index| index.remove_binding(&Object::from_value(&binding).unwrap()));
    assert!(!authorizer.allows(&asked));
}

#[track_caller]
fn writes(user: &str, resource: &str, namespace: &str, object: Value, expected: Expect) {
    let user = UserInfo::authenticated(user, Vec::new());
    let write = Write { user: &user, resource, namespace, name: "x", new: &object, old: None };
    let said = match check(&authorizer(), &write) {
        Ok(()) => "fine".to_owned(),
        Err(error) => format!("{} {}", error.code(), error.message()),
    };
    expected.assert_eq(&said);
}

#[test]
fn nobody_grants_more_than_they_hold() {
    let rules = json!({"rules": [
        {"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods", "nodes"]},
        {"verbs": ["get"], "nonResourceURLs": ["/metrics"]},
    ]});
    writes(
        "alice",
        "roles",
        "default",
        rules,
        expect![[r#"
        403 roles.rbac.authorization.k8s.io "x" is forbidden: user "alice" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
        {APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}
        {APIGroups:["apps"], Resources:["nodes"], Verbs:["get" "list"]}
        {APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list"]}
        {NonResourceURLs:["/metrics"], Verbs:["get"]}"#]],
    );
    let held = json!({"rules": [{"verbs": ["get", "create"], "apiGroups": [""], "resources": ["pods"]}]});
    writes("alice", "roles", "default", held, expect!["fine"]);
}

#[test]
fn bindings_are_judged_by_their_role() {
    let to = |kind: &str, name: &str| json!({"roleRef": {"kind": kind, "name": name}, "subjects": []});
    writes("alice", "rolebindings", "default", to("ClusterRole", "view"), expect!["fine"]);
    writes(
        "alice",
        "rolebindings",
        "default",
        to("ClusterRole", "cluster-admin"),
        expect![[r#"
        403 rolebindings.rbac.authorization.k8s.io "x" is forbidden: user "alice" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:
        {APIGroups:["*"], Resources:["*"], Verbs:["*"]}
        {NonResourceURLs:["*"], Verbs:["*"]}"#]],
    );
    writes(
        "alice",
        "rolebindings",
        "default",
        to("Role", "nowhere"),
        expect![[r#"404 role.rbac.authorization.k8s.io "nowhere" not found"#]],
    );
}

#[test]
fn aggregation_is_for_administrators() {
    let aggregated = json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}});
    writes(
        "alice",
        "clusterroles",
        "",
        aggregated,
        expect![[
            r#"403 clusterroles.rbac.authorization.k8s.io "x" is forbidden: must have cluster-admin privileges to use an aggregationRule"#
        ]],
    );
}
