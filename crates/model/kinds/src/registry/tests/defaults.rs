//! What a client gets back for the little it wrote.

use crate::registry::ALL;
use apimachinery::Value;
use expect_test::{Expect, expect};
use serde_json::json;

#[track_caller]
fn check(mut object: Value, at: &str, expected: Expect) {
    let def = ALL.iter().find(|def| def.kind == object["kind"]).unwrap();
    (def.set_defaults)(&mut object);
    expected.assert_eq(&object.pointer(at).unwrap().to_string());
}

#[test]
fn pods() {
    let pod = |spec: Value| json!({"kind": "Pod", "spec": spec});
    check(
        pod(json!({"containers": [{"name": "a", "image": "nginx:1"}], "serviceAccount": "s"})),
        "/spec",
        expect![[
            r#"{"containers":[{"image":"nginx:1","imagePullPolicy":"IfNotPresent","name":"a","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"serviceAccount":"s","serviceAccountName":"s","terminationGracePeriodSeconds":30}"#
        ]],
    );
    let container = json!({
        "name": "a", "image": "x", "ports": [{"containerPort": 80}],
        "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": "100m"}},
        "livenessProbe": {"httpGet": {"port": 80}}, "startupProbe": {"grpc": {"port": 1}},
        "lifecycle": {"preStop": {"httpGet": {"port": "http"}}},
    });
    check(
        pod(json!({"containers": [container], "hostNetwork": true})),
        "/spec/containers/0",
        expect![[
            r#"{"env":[{"name":"N","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}],"image":"x","imagePullPolicy":"Always","lifecycle":{"preStop":{"httpGet":{"path":"/","port":"http","scheme":"HTTP"}}},"livenessProbe":{"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1},"name":"a","ports":[{"containerPort":80,"hostPort":80,"protocol":"TCP"}],"resources":{"limits":{"cpu":"500m","memory":"1Gi"},"requests":{"cpu":"100m","memory":"1Gi"}},"startupProbe":{"failureThreshold":3,"grpc":{"port":1,"service":""},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}"#
        ]],
    );
    check(
        pod(json!({"volumes": [
            {"name": "a"},
            {"name": "b", "secret": {"secretName": "s"}},
            {"name": "c", "hostPath": {"path": "/x"}},
            {"name": "d", "projected": {"sources": [
                {"serviceAccountToken": {"path": "t"}},
                {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            ]}},
            {"name": "e", "image": {"reference": "x"}},
            {"name": "f", "iscsi": {}},
        ]})),
        "/spec/volumes",
        expect![[
            r#"[{"emptyDir":{},"name":"a"},{"name":"b","secret":{"defaultMode":420,"secretName":"s"}},{"hostPath":{"path":"/x","type":""},"name":"c"},{"name":"d","projected":{"defaultMode":420,"sources":[{"serviceAccountToken":{"expirationSeconds":3600,"path":"t"}},{"downwardAPI":{"items":[{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"},"path":"p"}]}}]}},{"image":{"pullPolicy":"Always","reference":"x"},"name":"e"},{"iscsi":{"iscsiInterface":"default"},"name":"f"}]"#
        ]],
    );
    // A pod-level limit without requests: what the containers ask for, or else the limit.
    let spec = json!({
        "containers": [{"name": "a", "image": "x", "resources": {"requests": {"cpu": "250m"}}}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    });
    check(pod(spec), "/spec/resources/requests", expect![[r#"{"cpu":"250m","memory":"1Gi"}"#]]);
}

#[test]
fn workloads() {
    check(
        json!({"kind": "Deployment", "spec": {"strategy": {}, "template": {"spec": {"containers": []}}}}),
        "/spec",
        expect![[
            r#"{"progressDeadlineSeconds":600,"replicas":1,"revisionHistoryLimit":10,"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"},"template":{"metadata":{},"spec":{"containers":[],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}"#
        ]],
    );
    check(
        json!({"kind": "Job", "spec": {"parallelism": 3, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}}}),
        "/spec/completionMode",
        expect![[r#""NonIndexed""#]],
    );
    check(
        json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}}}}),
        "/spec",
        expect![[
            r#"{"concurrencyPolicy":"Allow","failedJobsHistoryLimit":1,"jobTemplate":{"metadata":{},"spec":{"template":{"metadata":{},"spec":{"dnsPolicy":"ClusterFirst","restartPolicy":"Never","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}},"successfulJobsHistoryLimit":3,"suspend":false}"#
        ]],
    );
}

#[test]
fn others() {
    check(
        json!({"kind": "Service", "spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP", "ports": [{"port": 80}, {"port": 81, "targetPort": "http"}]}}),
        "/spec",
        expect![[
            r#"{"allocateLoadBalancerNodePorts":true,"externalTrafficPolicy":"Cluster","internalTrafficPolicy":"Cluster","ports":[{"port":80,"protocol":"TCP","targetPort":80},{"port":81,"protocol":"TCP","targetPort":"http"}],"sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":10800}},"type":"LoadBalancer"}"#
        ]],
    );
    check(
        json!({"kind": "Secret", "data": {"a": "QQ==", "b": "Qg=="}, "stringData": {"a": "new"}}),
        "",
        expect![[r#"{"data":{"a":"bmV3","b":"Qg=="},"kind":"Secret","type":"Opaque"}"#]],
    );
    check(
        json!({"kind": "CustomResourceDefinition", "spec": {"names": {"kind": "CronTab", "plural": "crontabs"}}}),
        "/spec",
        expect![[
            r#"{"conversion":{"strategy":"None"},"names":{"kind":"CronTab","listKind":"CronTabList","plural":"crontabs","singular":"crontab"}}"#
        ]],
    );
}
