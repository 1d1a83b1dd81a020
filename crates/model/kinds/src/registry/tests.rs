//! What must hold of every kind in the table.

mod defaults;
mod rules;
mod tables;

use super::*;
use apimachinery::{Problems, Value};
use serde_json::json;
use std::collections::BTreeSet;

/// The least that is valid of each stored kind, and of the reviews that are checked.
fn examples() -> Vec<Value> {
    let container = json!({"name": "a", "image": "nginx"});
    let labels = json!({"app": "web"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    let selected = json!({"selector": {"matchLabels": labels}, "template": template});
    let job = json!({"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}});
    let cron = json!({"schedule": "@hourly", "jobTemplate": {"spec": job}});
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let volume = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}});
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let subject = json!({"kind": "User", "name": "jane"});
    let about = json!({"kind": "Pod", "name": "p", "namespace": "default"});
    let question = json!({"resourceAttributes": {"verb": "get", "namespace": "default"}, "user": "jane"});
    let version =
        json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}});
    let definition = json!({
        "group": "example.com",
        "names": {"plural": "things", "kind": "Thing"},
        "scope": "Namespaced",
        "versions": [version],
    });
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace"}),
        json!({"apiVersion": "v1", "kind": "Node", "status": {"capacity": {"cpu": 4}}}),
        json!({"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]}),
        json!({"apiVersion": "v1", "kind": "PodTemplate", "template": template}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "value"}, "binaryData": {"bytes": "AAEC"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"password": "x"}}),
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}),
        json!({"apiVersion": "v1", "kind": "Endpoints", "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}]}]}),
        json!({"apiVersion": "v1", "kind": "Event", "involvedObject": about, "reason": "Because"}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount"}),
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": volume}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": claim}),
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": selected}),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": selected}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": cron}),
        json!({"apiVersion": "batch/v1beta1", "kind": "CronJob", "spec": cron}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "spec": job}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": [rule]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [rule]}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [subject],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "roleRef": {"kind": "Role", "name": "view"}, "subjects": [subject],
        }),
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com/disk"}),
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}),
        crate::certificates::tests::example(),
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"leaseDurationSeconds": 15}}),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}],
        }),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}}}),
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "regarding": about, "reason": "Because",
            "action": "Doing", "type": "Normal", "note": "text", "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "example.com/it", "reportingInstance": "it-1",
        }),
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}),
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "x"}}),
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview", "spec": question}),
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": question}),
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "a"}}),
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": question}),
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": definition}),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "usage": {"cpu": "1n", "memory": "1Ki"}}),
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "containers": [{"name": "c"}]}),
    ]
}

/// Each kind with its example, as the server has it before defaulting.
fn each(mut check: impl FnMut(&KindDef, Value)) {
    let examples = examples();
    for def in ALL {
        let api_version =
            if def.group.is_empty() { def.version.to_owned() } else { format!("{}/{}", def.group, def.version) };
        let found = examples.iter().find(|example| example["apiVersion"] == api_version && example["kind"] == def.kind);
        let mut example = found.unwrap_or_else(|| panic!("no example of {api_version} {}", def.kind)).clone();
        let name = if def.kind == "CustomResourceDefinition" { "things.example.com" } else { "an-example" };
        example["metadata"] = json!({"name": name, "uid": "1-2-3"});
        if def.scope == Scope::Namespaced {
            example["metadata"]["namespace"] = "default".into();
        }
        check(def, example);
    }
}

fn lines(problems: Problems) -> String {
    problems.into_vec().iter().map(|p| format!("{}: {}", p.field, p.message)).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_are_unique_and_well_formed() {
    let mut kinds = BTreeSet::new();
    let mut resources = BTreeSet::new();
    for def in ALL {
        assert!(kinds.insert((def.group, def.version, def.kind)), "{} twice", def.kind);
        assert!(resources.insert((def.group, def.version, def.plural)), "{} twice", def.plural);
        assert_eq!(def.singular, def.kind.to_lowercase());
        assert!(def.verbs.is_sorted(), "verbs of {}", def.kind);
        assert!(def.schema.ends_with(&format!(".{}.{}", def.version, def.kind)), "{}", def.schema);
        assert!(schema::builtin(def.schema).is_some(), "no schema {}", def.schema);
        let home = ALL.iter().any(|other| (other.group, other.plural, other.version) == def.stored_as);
        assert!(home, "{} {} is stored as a kind that is not served", def.version, def.kind);
    }
}

#[test]
fn defaults_are_idempotent_and_valid() {
    each(|def, mut example| {
        (def.set_defaults)(&mut example);
        let once = example.clone();
        (def.set_defaults)(&mut example);
        assert_eq!(example, once, "defaults of {}", def.kind);
        (def.prepare.create)(&mut example);
        let mut problems = Problems::default();
        (def.validate)(&example, &mut problems);
        assert_eq!(lines(problems), "", "{} {}", def.version, def.kind);
    });
}

#[test]
fn writing_what_is_there_changes_nothing() {
    each(|def, mut example| {
        (def.set_defaults)(&mut example);
        (def.prepare.create)(&mut example);
        for write in [def.prepare.update, def.prepare.status] {
            let mut again = example.clone();
            (def.set_defaults)(&mut again);
            write(&mut again, &example);
            assert_eq!(again, example, "{}", def.kind);
            let mut problems = Problems::default();
            (def.validate_update)(&again, &example, &mut problems);
            assert_eq!(lines(problems), "", "{}", def.kind);
        }
    });
}

#[test]
fn status_is_written_by_its_own_way_only() {
    each(|def, mut example| {
        if !def.subresources.contains(&Subresource::Status) {
            return;
        }
        (def.set_defaults)(&mut example);
        (def.prepare.create)(&mut example);
        let mut plain = example.clone();
        plain["status"]["observed"] = "x".into();
        (def.prepare.update)(&mut plain, &example);
        assert_eq!(plain, example, "{} took a status with the spec", def.kind);
        let mut status = example.clone();
        status["status"]["observed"] = "x".into();
        status["spec"] = Value::Null;
        (def.prepare.status)(&mut status, &example);
        assert_eq!(status["spec"], example["spec"], "{} took a spec with the status", def.kind);
        assert_eq!(status["status"]["observed"], "x", "{}", def.kind);
    });
}

#[test]
fn stored_forms_come_back() {
    each(|def, example| {
        let mut stored = example.clone();
        (def.to_stored)(&mut stored);
        let (group, _, version) = def.stored_as;
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        assert_eq!(stored["apiVersion"], api_version, "{}", def.kind);
        (def.from_stored)(&mut stored);
        assert_eq!(stored, example, "{}", def.kind);
    });
}

#[test]
fn every_cell_is_a_scalar() {
    each(|def, mut example| {
        (def.set_defaults)(&mut example);
        for object in [json!({}), example] {
            for column in def.columns {
                let cell = (column.cell)(&object, &Now(0));
                assert!(cell.is_string() || cell.is_number() || cell.is_boolean(), "{} {}", def.kind, column.name);
            }
        }
        let names = def.columns.iter().filter(|column| column.format == "name").count();
        assert_eq!(names, 1, "{} has one name", def.kind);
    });
}

#[test]
fn any_shape_is_borne() {
    let shapes = [Value::Null, json!([]), json!({}), json!({"metadata": 1, "spec": "x", "status": []})];
    for def in ALL {
        for shape in &shapes {
            (def.set_defaults)(&mut shape.clone());
            (def.validate)(shape, &mut Problems::default());
            (def.validate_update)(shape, shape, &mut Problems::default());
        }
    }
}
