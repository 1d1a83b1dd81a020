//! The table-driven translator against prost's own codec of upstream's messages.

use k8s_pb::api::{apps, batch, core};
use k8s_pb::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use proptest::prelude::*;
use prost::Message;
use schema::protobuf::{self, Error, from_protobuf, to_protobuf};
use serde_json::{Value, json};

/// JSON to protobuf, through prost's struct, and back to the same JSON; returns prost's view.
#[track_caller]
fn round<T: Message + Default>(type_name: &str, value: &Value) -> T {
    let ours = to_protobuf(type_name, value).unwrap();
    let typed = T::decode(ours.as_slice()).unwrap();
    let back = from_protobuf(type_name, &typed.encode_to_vec()).unwrap();
    assert_eq!(&back, value);
    typed
}

fn pod() -> Value {
    json!({
        "metadata": {
            "name": "web", "namespace": "default", "labels": {"app": "web", "empty": ""}, "generation": 3,
            "creationTimestamp": "2026-11-22T18:00:01Z", "finalizers": ["a.b/c"],
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "u", "controller": false}],
            "managedFields": [{
                "manager": "kubectl", "operation": "Apply", "apiVersion": "v1", "time": "2026-11-22T18:00:01Z",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"k:{\"name\":\"c\"}": {}}},
            }],
        },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "securityContext": {"supplementalGroups": [1, 2], "runAsUser": 0},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "volumes": [
                {"name": "a", "emptyDir": {}},
                {"name": "b", "configMap": {"name": "cm", "optional": false, "defaultMode": 420}},
                {"name": "c", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}},
            ],
            "containers": [{
                "name": "c", "image": "nginx",
                "env": [{"name": "X", "value": "1"}, {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 10},
                "readinessProbe": {"tcpSocket": {"port": 80}},
            }],
            "ephemeralContainers": [{"name": "d", "image": "busybox", "targetContainerName": "c"}],
        },
        "status": {"podIPs": [{"ip": "10.0.0.1"}], "containerStatuses": [{
            "name": "c", "image": "nginx", "imageID": "", "ready": false, "restartCount": 0, "state": {"running": {}}, "lastState": {},
        }]},
    })
}

#[test]
fn pod_agrees_with_prost() {
    let typed: core::v1::Pod = round("io.k8s.api.core.v1.Pod", &pod());
    let spec = typed.spec.unwrap();
    assert_eq!(spec.volumes[1].volume_source.as_ref().unwrap().config_map.as_ref().unwrap().default_mode, Some(420));
    assert_eq!(spec.security_context.unwrap().supplemental_groups, [1, 2]);
    let limits = &spec.containers[0].resources.as_ref().unwrap().limits;
    assert_eq!(limits["cpu"].string.as_deref(), Some("500m"));
    let probe = spec.containers[0].liveness_probe.as_ref().unwrap().handler.as_ref().unwrap();
    assert_eq!(probe.http_get.as_ref().unwrap().port.as_ref().unwrap().str_val.as_deref(), Some("http"));
    let common = spec.ephemeral_containers[0].ephemeral_container_common.as_ref().unwrap();
    assert_eq!(common.image.as_deref(), Some("busybox"));
    assert_eq!(typed.metadata.unwrap().creation_timestamp.unwrap().seconds, Some(1_795_370_401));
}

#[test]
fn deployment_agrees_with_prost() {
    let value = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 0,
            "selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x"]}]},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "template": {"metadata": {}, "spec": {"containers": [{"name": "c"}]}},
        },
    });
    let typed: apps::v1::Deployment = round("io.k8s.api.apps.v1.Deployment", &value);
    assert_eq!(typed.spec.unwrap().replicas, Some(0));
}

#[test]
fn service_agrees_with_prost() {
    let value = json!({"spec": {
        "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "type": "NodePort", "selector": {"a": "b"},
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}],
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}},
    }});
    let typed: core::v1::Service = round("io.k8s.api.core.v1.Service", &value);
    assert_eq!(typed.spec.unwrap().cluster_ip.as_deref(), Some("10.96.0.1"));
}

#[test]
fn event_and_cron_job_agree_with_prost() {
    let event = json!({
        "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "Started", "count": 2,
        "firstTimestamp": "2026-11-22T18:00:01Z", "eventTime": "2026-11-22T18:00:01.000250Z",
        "series": {"count": 3, "lastObservedTime": "2026-11-22T18:00:01.000000Z"},
    });
    round::<core::v1::Event>("io.k8s.api.core.v1.Event", &event);
    let cron = json!({"spec": {
        "schedule": "*/5 * * * *", "suspend": false, "successfulJobsHistoryLimit": 0,
        "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c"}], "restartPolicy": "Never"}}}},
    }});
    round::<batch::v1::CronJob>("io.k8s.api.batch.v1.CronJob", &cron);
    round::<batch::v1beta1::CronJob>("io.k8s.api.batch.v1beta1.CronJob", &cron);
}

#[test]
fn crd_agrees_with_prost() {
    let value = json!({"spec": {
        "group": "example.com", "scope": "Namespaced",
        "names": {"plural": "foos", "kind": "Foo"},
        "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {
            "type": "object",
            "properties": {
                "spec": {"type": "object", "additionalProperties": {"type": "string"}, "default": {"a": [1, null]}},
                "free": {"type": "object", "additionalProperties": true, "x-kubernetes-preserve-unknown-fields": true},
                "list": {"type": "array", "items": {"type": "integer", "minimum": 0.0, "enum": [1, "x"]}, "x-kubernetes-list-type": "set"},
            },
        }}}],
    }});
    let name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition";
    round::<CustomResourceDefinition>(name, &value);
}

#[test]
fn secret_data_and_extra_values() {
    round::<core::v1::Secret>(
        "io.k8s.api.core.v1.Secret",
        &json!({"data": {"k": "aGVsbG8=", "e": ""}, "type": "Opaque"}),
    );
    let review = json!({"spec": {"user": "u", "extra": {"scopes": ["a", "b"]}}, "status": {"allowed": false}});
    round::<k8s_pb::api::authorization::v1::SubjectAccessReview>(
        "io.k8s.api.authorization.v1.SubjectAccessReview",
        &review,
    );
}

/// Go writes zeros for all fields without pointers; JSON has none of them.
#[test]
fn zeros_of_go_are_absent() {
    let typed = core::v1::PodSpec {
        host_network: Some(false),
        hostname: Some(String::new()),
        termination_grace_period_seconds: Some(0),
        ..Default::default()
    };
    let value = from_protobuf("io.k8s.api.core.v1.PodSpec", &typed.encode_to_vec()).unwrap();
    assert_eq!(value, json!({"terminationGracePeriodSeconds": 0}));
    let meta = k8s_pb::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        name: Some("x".into()),
        creation_timestamp: Some(Default::default()),
        ..Default::default()
    };
    let value = from_protobuf("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", &meta.encode_to_vec()).unwrap();
    assert_eq!(value, json!({"name": "x"}));
}

#[test]
fn envelopes_lists_and_frames() {
    let name = "io.k8s.api.core.v1.Pod";
    let raw = to_protobuf(name, &pod()).unwrap();
    let body = protobuf::wrap("v1", "Pod", &raw);
    let decoded = protobuf::decode_object(&body).unwrap();
    assert_eq!((&decoded["kind"], &decoded["spec"]), (&json!("Pod"), &pod()["spec"]));

    let list = protobuf::list(&json!({"resourceVersion": "7"}), [raw.as_slice(), &raw].into_iter()).unwrap();
    assert_eq!(core::v1::PodList::decode(list.as_slice()).unwrap().items.len(), 2);

    let frame = protobuf::frame(&protobuf::watch_event("ADDED", &body));
    assert_eq!(u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize, frame.len() - 4);
    let event = k8s_pb::apimachinery::pkg::apis::meta::v1::WatchEvent::decode(&frame[4..]).unwrap();
    assert_eq!(event.object.unwrap().raw.unwrap(), body);
}

#[test]
fn refusals_name_the_cause() {
    let wrong = to_protobuf("io.k8s.api.apps.v1.Deployment", &json!({"spec": {"replicas": "x"}}));
    assert_eq!(wrong.unwrap_err().to_string(), "field replicas does not hold an integer");
    assert!(matches!(to_protobuf("x", &json!({})), Err(Error::UnknownType(_))));
    assert_eq!(protobuf::decode_object(b"{}").unwrap_err(), Error::NotEnveloped);
}

/// A schema that nests itself in two bytes a level stops at the depth limit.
#[test]
fn depth_is_bounded() {
    let mut bytes = Vec::new();
    for _ in 0..300 {
        // JSONSchemaProps.not = 27, a message.
        let mut outer = vec![27 << 3 & 0x7f | 2 | 0x80, 1];
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    let name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    assert_eq!(from_protobuf(name, &bytes).unwrap_err(), Error::TooDeep);
}

proptest! {
    #[test]
    fn hostile_bytes_do_no_harm(noise in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..900, cut in 0usize..900) {
        let mut body = protobuf::wrap("v1", "Pod", &to_protobuf("io.k8s.api.core.v1.Pod", &pod()).unwrap());
        body.truncate(cut.max(4));
        let at = at.min(body.len());
        body.splice(at..at, noise.iter().copied());
        _ = protobuf::decode_object(&body);
        _ = from_protobuf("io.k8s.api.core.v1.PodSpec", &noise);
    }
}
