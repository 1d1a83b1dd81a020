//! Refusals of single kinds, as clients see them.

use crate::registry::ALL;
use apimachinery::{Problems, Value};
use expect_test::{Expect, expect};
use serde_json::json;

/// Sends an object through defaults, strategy and checks, as a create does; what is wrong, one line each.
#[track_caller]
fn create(mut object: Value, expected: Expect) {
    let def = def_of(&object);
    (def.set_defaults)(&mut object);
    (def.prepare.create)(&mut object);
    let mut problems = Problems::default();
    (def.validate)(&object, &mut problems);
    expected.assert_eq(&lines(problems));
}

/// Changes a valid object and sends it through an update.
#[track_caller]
fn update(mut old: Value, change: fn(&mut Value), expected: Expect) {
    let def = def_of(&old);
    (def.set_defaults)(&mut old);
    (def.prepare.create)(&mut old);
    let mut new = old.clone();
    change(&mut new);
    (def.set_defaults)(&mut new);
    (def.prepare.update)(&mut new, &old);
    let mut problems = Problems::default();
    (def.validate)(&new, &mut problems);
    (def.validate_update)(&new, &old, &mut problems);
    expected.assert_eq(&lines(problems));
}

fn def_of(object: &Value) -> &'static crate::KindDef {
    let kind = object["kind"].as_str().unwrap();
    ALL.iter().find(|def| def.kind == kind).unwrap()
}

fn lines(problems: Problems) -> String {
    problems.into_vec().iter().map(|p| format!("{}: {}\n", p.field, p.message)).collect()
}

fn deployment(spec: Value) -> Value {
    let mut whole = json!({
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}},
    });
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}, "spec": whole})
}

#[test]
fn deployments() {
    create(
        json!({"kind": "Deployment", "metadata": {"name": "web"}}),
        expect![[r#"
        spec.selector: Required value
        spec.template.spec.containers: Required value
    "#]],
    );
    create(
        deployment(json!({"selector": {"matchLabels": {"app": "api"}}})),
        expect![[r#"
        spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`
    "#]],
    );
    create(
        deployment(json!({"selector": {}})),
        expect![[r#"
        spec.selector: Invalid value: {}: empty selector is invalid for deployment
    "#]],
    );
    create(
        deployment(json!({"replicas": -1, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}})),
        expect![[r#"
            spec.replicas: Invalid value: -1: must be greater than or equal to 0
            spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0
        "#]],
    );
    create(
        deployment(json!({"strategy": {"type": "Recreate", "rollingUpdate": {}}})),
        expect![[r#"
        spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'
    "#]],
    );
    update(
        deployment(json!({})),
        |new| {
            new["spec"]["selector"]["matchLabels"]["tier"] = "x".into();
            new["spec"]["template"]["metadata"]["labels"]["tier"] = "x".into();
        },
        expect![[r#"
            spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"x"}}: field is immutable
        "#]],
    );
}

fn job(spec: Value) -> Value {
    let mut whole =
        json!({"template": {"spec": {"containers": [{"name": "a", "image": "x"}], "restartPolicy": "Never"}}});
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    json!({"kind": "Job", "metadata": {"name": "pi", "namespace": "default", "uid": "u-1"}, "spec": whole})
}

#[test]
fn jobs() {
    create(
        job(json!({"template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}})),
        expect![[r#"
        spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"
    "#]],
    );
    create(
        job(json!({"completionMode": "Indexed", "parallelism": 2})),
        expect![[r#"
        spec.completions: Required value: when completion mode is Indexed
    "#]],
    );
    create(
        job(json!({"selector": {"matchLabels": {"app": "x"}}})),
        expect![[r#"
        spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u-1","batch.kubernetes.io/job-name":"pi","controller-uid":"u-1","job-name":"pi"}: `selector` does not match template `labels`
    "#]],
    );
    update(
        job(json!({})),
        |new| {
            new["spec"]["completions"] = 5.into();
            new["spec"]["parallelism"] = 5.into();
        },
        expect![[r#"
            spec.completions: Invalid value: 5: field is immutable
        "#]],
    );
    let suspended = job(json!({"suspend": true}));
    update(suspended, |new| new["spec"]["template"]["spec"]["nodeSelector"] = json!({"a": "b"}), expect![""]);
}

fn cron_job(spec: Value) -> Value {
    let mut whole = json!({"schedule": "0 * * * *", "jobTemplate": {"spec": job(json!({}))["spec"]}});
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    json!({"kind": "CronJob", "metadata": {"name": "backup", "namespace": "default"}, "spec": whole})
}

#[test]
fn cron_jobs() {
    create(cron_job(json!({})), expect![""]);
    create(
        cron_job(json!({"schedule": "TZ=UTC 0 * * * *", "timeZone": "Mars/Crater"})),
        expect![[r#"
        spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule
        spec.timeZone: Invalid value: "Mars/Crater": unknown time zone Mars/Crater
    "#]],
    );
    create(
        cron_job(json!({"schedule": "* * * *", "concurrencyPolicy": "Queue"})),
        expect![[r#"
        spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]
        spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"
    "#]],
    );
}

#[test]
fn endpoints_are_addresses_of_others() {
    let addresses = ["127.0.0.1", "::", "169.254.1.1", "224.0.0.1", "x", "192.0.2.1"];
    let list: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
    create(
        json!({"kind": "Endpoints", "metadata": {"name": "a", "namespace": "d"}, "subsets": [{"addresses": list}]}),
        expect![[r#"
            subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)
            subsets[0].addresses[1].ip: Invalid value: "::": may not be unspecified (::)
            subsets[0].addresses[2].ip: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)
            subsets[0].addresses[3].ip: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)
            subsets[0].addresses[4].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
        "#]],
    );
    create(
        json!({
            "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": {"name": "a", "namespace": "d"},
            "addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}, {"addresses": ["x"]}],
        }),
        expect![[r#"
            endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)
            endpoints[1].addresses[0]: Invalid value: "x": must be a valid IPv4 address
        "#]],
    );
}

fn service(spec: Value) -> Value {
    json!({"kind": "Service", "metadata": {"name": "web", "namespace": "default"}, "spec": spec})
}

#[test]
fn services() {
    create(
        service(json!({})),
        expect![[r#"
        spec.ports: Required value
    "#]],
    );
    create(
        service(
            json!({"ports": [{"port": 80, "nodePort": 30000}, {"port": 80}, {"name": "a", "port": 0, "targetPort": 80}]}),
        ),
        expect![[r#"
            spec.ports[0].name: Required value
            spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'
            spec.ports[1].name: Required value
            spec.ports[2].port: Invalid value: 0: must be between 1 and 65535, inclusive
            spec.ports[1]: Duplicate value: {"AppProtocol":null,"Name":"","NodePort":0,"Port":80,"Protocol":"TCP","TargetPort":0}
        "#]],
    );
    create(
        service(json!({"type": "ExternalName"})),
        expect![[r#"
        spec.externalName: Required value
    "#]],
    );
    create(
        service(json!({"type": "NodePort", "clusterIP": "None", "ports": [{"port": 1}]})),
        expect![[r#"
        spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services
    "#]],
    );
    create(
        service(json!({
            "ports": [{"port": 80}], "trafficDistribution": "Far", "externalIPs": ["127.0.0.1", "0.0.0.0", "192.0.2.1"],
        })),
        expect![[r#"
            spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)
            spec.externalIPs[1]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)
            spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"
        "#]],
    );
    let checked = json!({
        "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000, "ports": [{"port": 80}],
    });
    update(
        service(checked.clone()),
        |new| new["spec"]["healthCheckNodePort"] = 31001.into(),
        expect![[r#"
        spec.healthCheckNodePort: Invalid value: 31001: cannot change healthCheckNodePort on loadBalancer service with externalTraffic=Local during update
    "#]],
    );
    let with_ip = service(json!({"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}));
    update(
        with_ip.clone(),
        |new| new["spec"]["clusterIP"] = "10.0.0.2".into(),
        expect![[r#"
        spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set
    "#]],
    );
    // Left out means unchanged.
    update(with_ip, |new| new["spec"] = json!({"ports": [{"port": 81}]}), expect![""]);
}

#[test]
fn maps_and_secrets() {
    create(
        json!({"kind": "ConfigMap", "data": {"a b": "x", "both": "x"}, "binaryData": {"both": "AA=="}}),
        expect![[r#"
        data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')
        data[both]: Invalid value: "both": duplicate of key present in binaryData
    "#]],
    );
    create(
        json!({"kind": "ConfigMap", "data": {"a": "x".repeat(1024 * 1024 + 1)}}),
        expect![[r#"
        []: Too long: may not be more than 1048576 bytes
    "#]],
    );
    let sealed = json!({"kind": "ConfigMap", "immutable": true, "data": {"a": "1"}});
    update(
        sealed,
        |new| new["data"]["a"] = "2".into(),
        expect![[r#"
        data: Forbidden: field is immutable when `immutable` is set
    "#]],
    );
    create(
        json!({"kind": "Secret", "type": "kubernetes.io/tls", "data": {"tls.crt": "AA=="}}),
        expect![[r#"
        data[tls.key]: Required value
    "#]],
    );
    create(
        json!({"kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{"}}),
        expect![[r#"
            data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": EOF while parsing an object at line 1 column 1
        "#]],
    );
    update(
        json!({"kind": "Secret"}),
        |new| new["type"] = "example.com/x".into(),
        expect![[r#"
        type: Invalid value: "example.com/x": field is immutable
    "#]],
    );
}

#[test]
fn storage() {
    create(
        json!({"kind": "PersistentVolume", "spec": {"local": {"path": "/x"}, "nfs": {"server": "a", "path": "b"}}}),
        expect![[r#"
        spec.accessModes: Required value
        spec.capacity: Required value
        spec.nfs.path: Invalid value: "b": must be an absolute path
        spec.local: Forbidden: may not specify more than 1 volume type
        spec.nodeAffinity: Required value: Local volume requires node affinity
    "#]],
    );
    create(
        json!({"kind": "PersistentVolumeClaim", "spec": {"accessModes": ["RWO"]}}),
        expect![[r#"
        spec.accessModes: Unsupported value: "RWO": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"
        spec.resources.requests[storage]: Required value
    "#]],
    );
    let claim = json!({"kind": "PersistentVolumeClaim", "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
    }});
    update(claim.clone(), |new| new["spec"]["volumeName"] = "pv-1".into(), expect![""]);
    update(
        claim,
        |new| new["spec"]["resources"]["requests"]["storage"] = "2Gi".into(),
        expect![[r#"
        spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims
    "#]],
    );
    let class = json!({"kind": "StorageClass", "provisioner": "example.com/x"});
    update(
        class,
        |new| new["provisioner"] = "example.com/y".into(),
        expect![[r#"
        provisioner: Forbidden: updates to provisioner are forbidden.
    "#]],
    );
}

#[test]
fn roles() {
    create(
        json!({"kind": "Role", "rules": [{"nonResourceURLs": ["/x"], "verbs": ["get"]}, {}]}),
        expect![[r#"
        rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs
        rules[1].verbs: Required value: verbs must contain at least one value
        rules[1].apiGroups: Required value: resource rules must supply at least one api group
        rules[1].resources: Required value: resource rules must supply at least one resource
    "#]],
    );
    let binding = json!({
        "kind": "ClusterRoleBinding",
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
    });
    update(
        binding,
        |new| new["roleRef"]["name"] = "admin".into(),
        expect![[r#"
        roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"admin"}: cannot change roleRef
    "#]],
    );
    create(
        json!({"kind": "ClusterRoleBinding", "roleRef": {"kind": "Role"}, "subjects": [{"kind": "ServiceAccount", "name": "a"}]}),
        expect![[r#"
            roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"
            roleRef.name: Required value
            subjects[0].namespace: Required value
        "#]],
    );
}

#[test]
fn definitions() {
    create(
        json!({"kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": {
            "group": "example.com",
            "scope": "World",
            "names": {"plural": "things", "kind": "Thing", "listKind": "Thing"},
            "versions": [
                {"name": "v1", "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"properties": {"list": {"type": "array"}}},
                }}}},
                {"name": "v1", "storage": true},
            ],
        }}),
        expect![[r#"
            metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group
            spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"
            spec.versions: Invalid value: [{"name":"v1","schema":{"openAPIV3Schema":{"properties":{"spec":{"properties":{"list":{"type":"array"}}}},"type":"object"}},"storage":true},{"name":"v1","storage":true}]: must have exactly one version marked as storage version
            spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields
            spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[list].items: Required value: must be specified
            spec.versions[1].name: Invalid value: "v1": must contain unique version names
            spec.versions[1].schema.openAPIV3Schema: Required value: schemas are required
            spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same
        "#]],
    );
}

#[test]
fn priorities() {
    create(
        json!({"kind": "PriorityClass", "metadata": {"name": "system-mine"}, "value": 1}),
        expect![[r#"
        metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only
    "#]],
    );
    create(
        json!({"kind": "PriorityClass", "metadata": {"name": "high"}, "value": 2_000_000_000}),
        expect![[r#"
        value: Forbidden: maximum allowed value of a user defined priority is 1000000000
    "#]],
    );
    let critical =
        json!({"kind": "PriorityClass", "metadata": {"name": "system-node-critical"}, "value": 2_000_001_000});
    create(critical, expect![""]);
}

#[test]
fn deprecated_versions_say_what_to_use() {
    let warnings: Vec<String> = ALL.iter().filter_map(|def| def.warning()).collect();
    expect![[r#"
        [
            "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
            "batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob",
        ]
    "#]]
    .assert_debug_eq(&warnings);
}

#[test]
fn definitions_of_protected_groups_and_what_the_server_could_not_use() {
    let definition = |group: &str, version: Value| {
        let mut version = version;
        version["name"] = "v1".into();
        version["storage"] = true.into();
        json!({"kind": "CustomResourceDefinition", "metadata": {"name": format!("things.{group}")}, "spec": {
            "group": group, "scope": "Cluster", "names": {"plural": "things", "kind": "Thing"}, "versions": [version],
        }})
    };
    let schema = |properties: Value| json!({"openAPIV3Schema": {"type": "object", "properties": properties}});
    create(
        definition("things.k8s.io", json!({"schema": schema(json!({}))})),
        expect![[r#"
            metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111
        "#]],
    );
    let labels = json!({"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}});
    create(
        definition("example.com", json!({"schema": schema(labels)})),
        expect![[r#"
            spec.versions[0].schema.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified
        "#]],
    );
    let fields = [".spec.a", ".spec.none", ".spec", ".spec.a"].map(|path| json!({"jsonPath": path}));
    let spec = json!({"spec": {"type": "object", "properties": {"a": {"type": "string"}}}});
    create(
        definition("example.com", json!({"schema": schema(spec), "selectableFields": fields})),
        expect![[r#"
            spec.versions[0].selectableFields[1].jsonPath: Invalid value: ".spec.none": is an invalid path: does not refer to a valid field
            spec.versions[0].selectableFields[2].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.
            spec.versions[0].selectableFields[3].jsonPath: Duplicate value: ".spec.a"
        "#]],
    );
}
