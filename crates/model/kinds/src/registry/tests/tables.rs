//! Rows of `kubectl get -o wide`.

use crate::Now;
use crate::registry::ALL;
use apimachinery::Value;
use expect_test::{Expect, expect};
use serde_json::json;

/// 2026-01-01T00:00:00Z
const NOW: Now = Now(1_767_225_600);

/// Titles and one row; columns of `-o wide` come after a bar.
#[track_caller]
fn check(mut object: Value, expected: Expect) {
    object["metadata"]["name"] = "x".into();
    object["metadata"]["creationTimestamp"] = "2025-12-31T23:55:00Z".into();
    let def = ALL.iter().find(|def| def.kind == object["kind"]).unwrap();
    (def.set_defaults)(&mut object);
    let line = |cell: &dyn Fn(&crate::Column) -> String| {
        let of = |wide: bool| {
            def.columns.iter().filter(|column| (column.priority > 0) == wide).map(cell).collect::<Vec<_>>().join("  ")
        };
        format!("{} | {}", of(false), of(true)).trim_end_matches(" | ").to_owned()
    };
    let titles = line(&|column| column.name.to_uppercase());
    let row = line(&|column| match (column.cell)(&object, &NOW) {
        Value::String(text) => text,
        other => other.to_string(),
    });
    expected.assert_eq(&format!("{titles}\n{row}\n"));
}

#[test]
fn workloads() {
    let spec = json!({
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"spec": {"containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "redis"}]}},
    });
    check(
        json!({"kind": "Deployment", "spec": spec, "status": {"readyReplicas": 2, "updatedReplicas": 3}}),
        expect![[r#"
        NAME  READY  UP-TO-DATE  AVAILABLE  AGE | CONTAINERS  IMAGES  SELECTOR
        x  2/3  3  0  5m | a,b  nginx,redis  app=web
    "#]],
    );
    check(
        json!({"kind": "ReplicaSet", "spec": spec, "status": {"replicas": 3}}),
        expect![[r#"
        NAME  DESIRED  CURRENT  READY  AGE | CONTAINERS  IMAGES  SELECTOR
        x  3  3  0  5m | a,b  nginx,redis  app=web
    "#]],
    );
    let template = json!({
        "metadata": {"labels": {"app": "web", "a": "b"}},
        "spec": {"containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "redis"}]},
    });
    check(
        json!({"kind": "PodTemplate", "template": template}),
        expect![[r#"
        NAME  CONTAINERS  IMAGES  POD LABELS  AGE
        x  a,b  nginx,redis  a=b,app=web  5m
    "#]],
    );
    let done = json!({
        "succeeded": 1, "startTime": "2025-12-31T23:55:00Z", "completionTime": "2025-12-31T23:55:07Z",
        "conditions": [{"type": "Complete", "status": "True"}],
    });
    check(
        json!({"kind": "Job", "spec": {"template": {"spec": {}}}, "status": done}),
        expect![[r#"
        NAME  STATUS  COMPLETIONS  DURATION  AGE | CONTAINERS  IMAGES  SELECTOR
        x  Complete  1/1  7s  5m |     <none>
    "#]],
    );
    check(
        json!({"kind": "CronJob", "spec": {"schedule": "@daily", "jobTemplate": {}}}),
        expect![[r#"
        NAME  SCHEDULE  TIMEZONE  SUSPEND  ACTIVE  LAST SCHEDULE  AGE | CONTAINERS  IMAGES  SELECTOR
        x  @daily  <none>  False  0  <none>  5m |     <none>
    "#]],
    );
}

#[test]
fn network() {
    let ports = json!([{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]);
    check(
        json!({"kind": "Service", "spec": {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"], "ports": ports, "selector": {"a": "b"}}}),
        expect![[r#"
            NAME  TYPE  CLUSTER-IP  EXTERNAL-IP  PORT(S)  AGE | SELECTOR
            x  LoadBalancer  10.0.0.1  <pending>  80:30080/TCP,53/UDP  5m | a=b
        "#]],
    );
    let ips = json!([{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}, {"ip": "fd00::1"}, {"ip": "10.0.0.4"}]);
    check(
        json!({"kind": "Endpoints", "subsets": [{"addresses": ips, "ports": [{"port": 80}]}]}),
        expect![[r#"
        NAME  ENDPOINTS  AGE
        x  10.0.0.1:80,10.0.0.2:80,[fd00::1]:80 + 1 more...  5m
    "#]],
    );
    check(
        json!({"kind": "EndpointSlice", "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}]}),
        expect![[r#"
        NAME  ADDRESSTYPE  PORTS  ENDPOINTS  AGE
        x  IPv4  <unset>  10.0.0.1  5m
    "#]],
    );
}

#[test]
fn cluster() {
    check(
        json!({
            "kind": "Node",
            "metadata": {"labels": {"node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "worker"}},
            "spec": {"unschedulable": true},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"kubeletVersion": "v1.35.0", "kernelVersion": "6.1"},
                "addresses": [{"type": "InternalIP", "address": "192.168.0.2"}],
            },
        }),
        expect![[r#"
            NAME  STATUS  ROLES  AGE  VERSION | INTERNAL-IP  EXTERNAL-IP  OS-IMAGE  KERNEL-VERSION  CONTAINER-RUNTIME
            x  Ready,SchedulingDisabled  control-plane,worker  5m  v1.35.0 | 192.168.0.2  <none>  <unknown>  6.1  <unknown>
        "#]],
    );
    check(
        json!({"kind": "Event", "involvedObject": {"kind": "Pod", "name": "p"}, "type": "Normal", "reason": "Started",
               "source": {"component": "kubelet", "host": "n"}, "message": " done ", "firstTimestamp": "2025-12-31T23:58:00Z",
               "lastTimestamp": "2025-12-31T23:59:00Z", "count": 2}),
        expect![[r#"
            LAST SEEN  TYPE  REASON  OBJECT  MESSAGE | SUBOBJECT  SOURCE  FIRST SEEN  COUNT  NAME
            60s  Normal  Started  pod/p  done |   kubelet, n  2m  2  x
        "#]],
    );
    let subjects = json!([{"kind": "User", "name": "jane"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]);
    check(
        json!({"kind": "RoleBinding", "roleRef": {"kind": "Role", "name": "r"}, "subjects": subjects}),
        expect![[r#"
        NAME  ROLE  AGE | USERS  GROUPS  SERVICEACCOUNTS
        x  Role/r  5m | jane    n/s
    "#]],
    );
    check(
        json!({"kind": "ClusterRole"}),
        expect![[r#"
        NAME  CREATED AT
        x  2025-12-31T23:55:00Z
    "#]],
    );
}

#[test]
fn storage() {
    let volume = json!({
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany", "ReadWriteOnce"], "hostPath": {"path": "/x"},
        "claimRef": {"namespace": "n", "name": "c"}, "storageClassName": "fast",
    });
    check(
        json!({"kind": "PersistentVolume", "spec": volume, "status": {"phase": "Bound"}}),
        expect![[r#"
        NAME  CAPACITY  ACCESS MODES  RECLAIM POLICY  STATUS  CLAIM  STORAGECLASS  VOLUMEATTRIBUTESCLASS  REASON  AGE | VOLUMEMODE
        x  1Gi  RWO,ROX  Retain  Bound  n/c  fast  <unset>    5m | Filesystem
    "#]],
    );
    check(
        json!({"kind": "PersistentVolumeClaim", "spec": {}}),
        expect![[r#"
        NAME  STATUS  VOLUME  CAPACITY  ACCESS MODES  STORAGECLASS  VOLUMEATTRIBUTESCLASS  AGE | VOLUMEMODE
        x  Pending          <unset>  5m | Filesystem
    "#]],
    );
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    check(
        json!({"kind": "StorageClass", "metadata": {"annotations": annotations}, "provisioner": "p"}),
        expect![[r#"
        NAME  PROVISIONER  RECLAIMPOLICY  VOLUMEBINDINGMODE  ALLOWVOLUMEEXPANSION  AGE
        x (default)  p  Delete  Immediate  false  5m
    "#]],
    );
}
