//! What a pod may not say, and upstream's words for it.

use super::*;
use crate::corev1::pod::KIND;
use expect_test::expect;
use serde_json::json;

/// Defaults a pod with this spec and says what is wrong with it, one line each.
fn wrong(spec: Value) -> String {
    let mut pod = json!({"metadata": {"name": "p", "namespace": "default"}, "spec": spec});
    (KIND.set_defaults)(&mut pod);
    let mut problems = Problems::default();
    validate(&pod, &mut problems);
    lines(problems)
}

fn lines(problems: Problems) -> String {
    problems.into_vec().iter().map(|p| format!("{}: {}", p.field, p.message)).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(spec: Value, expected: &str) {
    assert_eq!(wrong(spec), expected);
}

/// A spec with one container, changed by `fields`.
fn with(fields: Value) -> Value {
    let mut container = json!({"name": "a", "image": "nginx"});
    for (name, value) in fields.as_object().unwrap() {
        container[name] = value.clone();
    }
    json!({"containers": [container]})
}

#[test]
fn containers_need_names_and_images() {
    check(with(json!({})), "");
    check(json!({}), "spec.containers: Required value");
    check(
        json!({"containers": [{}]}),
        "spec.containers[0].name: Required value\nspec.containers[0].image: Required value",
    );
    check(
        json!({"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": " y"}]}),
        "spec.containers[1].image: Invalid value: \" y\": must not have leading or trailing whitespace\n\
         spec.containers[1].name: Duplicate value: \"a\"",
    );
}

#[test]
fn ports_are_checked() {
    check(
        with(json!({"ports": [{"containerPort": 0}, {"containerPort": 70000, "protocol": "ICMP"}]})),
        "spec.containers[0].ports[0].containerPort: Required value\n\
         spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive\n\
         spec.containers[0].ports[1].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
    );
    check(
        with(json!({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]})),
        "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//80\"",
    );
}

#[test]
fn requests_stay_below_limits() {
    check(
        with(json!({"resources": {"limits": {"cpu": "1", "memory": "-1"}, "requests": {"cpu": "1500m", "foo": 1}}})),
        "spec.containers[0].resources.limits[memory]: Invalid value: \"-1\": must be greater than or equal to 0\n\
         spec.containers[0].resources.requests[foo]: Invalid value: \"foo\": must be a standard resource for containers\n\
         spec.containers[0].resources.requests[memory]: Invalid value: \"-1\": must be greater than or equal to 0\n\
         spec.containers[0].resources.requests: Invalid value: \"1500m\": must be less than or equal to cpu limit of 1",
    );
}

#[test]
fn variables_have_one_source() {
    check(
        with(json!({"env": [
            {"name": "1A"},
            {"name": "B", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "C", "valueFrom": {}},
            {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "spec.foo"}}},
            {"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "F", "valueFrom": {"secretKeyRef": {"name": "s"}}},
        ]})),
        "spec.containers[0].env[1].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty\n\
         spec.containers[0].env[2].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`\n\
         spec.containers[0].env[3].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.foo\": error converting fieldPath: field label not supported: spec.foo\n\
         spec.containers[0].env[5].valueFrom.secretKeyRef.key: Required value",
    );
}

#[test]
fn mounts_refer_to_volumes_with_one_source() {
    let mut spec = with(json!({"volumeMounts": [
        {"name": "v", "mountPath": "/a"},
        {"name": "w", "mountPath": "/a"},
        {"name": "v", "mountPath": "/b", "subPath": "../x"},
    ]}));
    spec["volumes"] = json!([
        {"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}},
        {"name": "v", "foo": {}},
        {"name": "c", "configMap": {"items": [{"key": "k", "path": "/abs"}], "defaultMode": 512}},
    ]);
    check(
        spec,
        "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type\n\
         spec.volumes[1]: Required value: must specify a volume type\n\
         spec.volumes[2].configMap.name: Required value\n\
         spec.volumes[2].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive\n\
         spec.volumes[2].configMap.items[0].path: Invalid value: \"/abs\": must be a relative path\n\
         spec.volumes[1].name: Duplicate value: \"v\"\n\
         spec.containers[0].volumeMounts[1].name: Not found: \"w\"\n\
         spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique\n\
         spec.containers[0].volumeMounts[2].subPath: Invalid value: \"../x\": must not contain '..'",
    );
}

#[test]
fn probes_have_one_handler() {
    check(
        with(json!({
            "livenessProbe": {"successThreshold": 2, "tcpSocket": {"port": "http"}},
            "readinessProbe": {},
            "startupProbe": {"exec": {"command": ["x"]}, "grpc": {"port": 1}},
        })),
        "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1\n\
         spec.containers[0].readinessProbe: Required value: must specify a handler type\n\
         spec.containers[0].startupProbe.grpc: Forbidden: may not specify more than 1 handler type",
    );
    let mut spec = with(json!({}));
    spec["initContainers"] = json!([{"name": "i", "image": "x", "readinessProbe": {"tcpSocket": {"port": 1}}}]);
    check(
        spec,
        "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    );
}

#[test]
fn placement_is_checked() {
    let mut spec = with(json!({}));
    spec["tolerations"] = json!([{"operator": "Equal"}, {"operator": "Exists", "tolerationSeconds": 3}]);
    spec["restartPolicy"] = "Sometimes".into();
    check(
        spec,
        "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"Never\", \"OnFailure\"\n\
         spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"\n\
         spec.tolerations[1].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
    );
}

#[test]
fn little_of_a_pod_may_change() {
    let update = |change: fn(&mut Value)| {
        let mut old = json!({"metadata": {}, "spec": with(json!({}))});
        (KIND.set_defaults)(&mut old);
        let mut new = old.clone();
        change(&mut new["spec"]);
        let mut problems = Problems::default();
        validate_update(&new, &old, &mut problems);
        lines(problems)
    };
    assert_eq!(update(|spec| spec["containers"][0]["image"] = "nginx:2".into()), "");
    assert_eq!(update(|spec| spec["tolerations"] = json!([{"operator": "Exists"}])), "");
    assert_eq!(update(|spec| spec["nodeSelector"] = json!({})), "");
    assert_eq!(
        update(|spec| spec["containers"] = json!([])),
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    );
    let refused = update(|spec| spec["hostname"] = "x".into());
    assert!(
        refused.starts_with("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`")
    );
    assert!(refused.ends_with("\nchanged: spec.hostname"), "{refused}");
}

#[test]
fn ephemeral_containers_are_added_by_their_own_way() {
    let part = KIND.part("ephemeralcontainers").unwrap();
    let mut old = json!({"metadata": {}, "spec": with(json!({}))});
    (KIND.set_defaults)(&mut old);
    let debug = json!({"name": "debug", "image": "busybox", "targetContainerName": "a"});
    let mut new = old.clone();
    new["spec"]["hostname"] = "ignored".into();
    new["spec"]["ephemeralContainers"] = json!([debug]);
    (KIND.set_defaults)(&mut new);
    (part.prepare)(&mut new, &old);
    assert!(new["spec"]["hostname"].is_null());
    let mut problems = Problems::default();
    validate(&new, &mut problems);
    (part.validate_update)(&new, &old, &mut problems);
    assert_eq!(lines(problems), "");
    let mut problems = Problems::default();
    (part.validate_update)(&old, &new, &mut problems);
    assert_eq!(
        lines(problems),
        "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"debug\" may not be removed\n"
    );
}

#[test]
fn resources_are_changed_by_their_own_way() {
    let part = KIND.part("resize").unwrap();
    let mut old = json!({"metadata": {}, "spec": with(json!({}))});
    old["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"cpu": "200m"}});
    (KIND.set_defaults)(&mut old);
    let resize = |resources: Value| {
        let mut new = old.clone();
        new["spec"]["hostname"] = "ignored".into();
        new["spec"]["containers"][0]["image"] = "ignored".into();
        new["spec"]["containers"][0]["resources"] = resources;
        (part.prepare)(&mut new, &old);
        assert!(new["spec"]["hostname"].is_null());
        assert_eq!(new["spec"]["containers"][0]["image"], old["spec"]["containers"][0]["image"]);
        let mut problems = Problems::default();
        (part.validate_update)(&new, &old, &mut problems);
        lines(problems)
    };
    let more = json!({"requests": {"cpu": "150m", "memory": "64Mi"}, "limits": {"cpu": "300m"}});
    expect![[""]].assert_eq(&resize(more));
    let less = json!({"requests": {"cpu": "150m"}, "limits": {"cpu": "300m"}});
    expect!["spec.containers[0].resources.requests[memory]: Forbidden: resource requests cannot be removed"]
        .assert_eq(&resize(less));
    let other = json!({
        "requests": {"cpu": "100m", "memory": "32Mi", "ephemeral-storage": "1Gi"}, "limits": {"cpu": "200m"},
    });
    expect!["spec.containers[0].resources.requests: Forbidden: only cpu and memory resources are mutable"]
        .assert_eq(&resize(other));
    let equal = json!({"cpu": "200m", "memory": "64Mi"});
    expect![[r#"spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing"#]]
        .assert_eq(&resize(json!({"requests": equal, "limits": equal})));
}
