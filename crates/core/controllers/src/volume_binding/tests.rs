//! Claims and volumes that find each other, wait, and part.

use super::*;
use crate::Controller;
use crate::world::World;
use expect_test::{Expect, expect};
use kinds::resources::{NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES};

fn volume(name: &str, size: &str) -> Value {
    json!({
        "metadata": {"name": name}, "status": {"phase": "Available"},
        "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain"},
    })
}

fn claim(spec: &Value) -> Value {
    let mut value = json!({
        "metadata": {"name": "c", "namespace": "d", "uid": "uc"}, "status": {"phase": "Pending"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    json_patch::merge(&mut value["spec"], spec);
    value
}

#[track_caller]
fn check(world: &World, controller: &dyn Controller, key: &str, expected: Expect) {
    expected.assert_eq(&world.round(controller, key, Timestamp::default()));
}

#[test]
fn the_smallest_that_fits_is_bound_and_then_there_is_peace() {
    let world = World::default();
    for (name, size) in [("small", "100Mi"), ("big", "5Gi"), ("right", "2Gi")] {
        world.put(&PERSISTENT_VOLUMES, volume(name, size));
    }
    world.put(&PERSISTENT_VOLUME_CLAIMS, claim(&json!({})));
    check(
        &world,
        &Claims,
        "d/c",
        expect![[r#"
        patch persistentvolumes right {"claimRef":{"apiVersion":"v1","kind":"PersistentVolumeClaim","name":"c","namespace":"d","resourceVersion":"4","uid":"uc"}}
        patch persistentvolumes/status right {"lastPhaseTransitionTime":"1970-01-01T00:00:00Z","phase":"Bound"}
        patch persistentvolumeclaims c {"volumeName":"right"}
        patch persistentvolumeclaims/status c {"accessModes":["ReadWriteOnce"],"capacity":{"storage":"2Gi"},"phase":"Bound"}"#]],
    );
    check(&world, &Claims, "d/c", expect![""]);
    check(&world, &Volumes, "right", expect![""]);
    world.remove(&PERSISTENT_VOLUME_CLAIMS, "d/c");
    check(
        &world,
        &Volumes,
        "right",
        expect![[
            r#"patch persistentvolumes/status right {"lastPhaseTransitionTime":"1970-01-01T00:00:00Z","phase":"Released"}"#
        ]],
    );
    check(&world, &Volumes, "right", expect![""]);
}

#[test]
fn nothing_there_is_said() {
    let world = World::default();
    world.put(&PERSISTENT_VOLUME_CLAIMS, claim(&json!({"selector": {"matchLabels": {"a": "b"}}})));
    world.put(&PERSISTENT_VOLUMES, volume("v", "2Gi"));
    check(
        &world,
        &Claims,
        "d/c",
        expect!["event FailedBinding: no persistent volumes available for this claim and no storage class is set"],
    );
}

#[test]
fn a_claim_waits_for_its_consumer_and_then_for_its_provisioner() {
    let world = World::default();
    let class = json!({
        "metadata": {"name": "local-path"}, "provisioner": "barque.io/local-path", "volumeBindingMode": WAIT_FOR_CONSUMER,
    });
    world.put(&STORAGE_CLASSES, class);
    world.put(&NODES, json!({"metadata": {"name": "n"}}));
    world.put(&PERSISTENT_VOLUME_CLAIMS, claim(&json!({"storageClassName": "local-path"})));
    check(
        &world,
        &Claims,
        "d/c",
        expect!["event WaitForFirstConsumer: waiting for first consumer to be created before binding"],
    );
    let selected = json!({"metadata": {"annotations": {SELECTED_NODE: "n"}}});
    world.patch(&PERSISTENT_VOLUME_CLAIMS, "d/c", &selected);
    check(
        &world,
        &Claims,
        "d/c",
        expect![[r#"
        patch persistentvolumeclaims c {}
        event ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'barque.io/local-path' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."#]],
    );
    check(&world, &Claims, "d/c", expect![""]);
    let mut made = volume("pvc-uc", "1Gi");
    made["spec"]["claimRef"] = json!({"name": "c", "namespace": "d", "uid": "uc"});
    made["spec"]["storageClassName"] = "local-path".into();
    world.put(&PERSISTENT_VOLUMES, made);
    world.round(&Claims, "d/c", Timestamp::default());
    check(&world, &Claims, "d/c", expect![""]);
    let claim = crate::View::get(&world, &PERSISTENT_VOLUME_CLAIMS, "d/c").unwrap().to_value();
    assert_eq!((&claim["spec"]["volumeName"], &claim["status"]["phase"]), (&json!("pvc-uc"), &json!("Bound")));
}

#[test]
fn a_lost_volume_is_said_once() {
    let world = World::default();
    let mut bound = claim(&json!({"volumeName": "gone"}));
    bound["metadata"]["annotations"] = json!({BIND_COMPLETED: "yes"});
    world.put(&PERSISTENT_VOLUME_CLAIMS, bound);
    check(
        &world,
        &Claims,
        "d/c",
        expect![[r#"
        patch persistentvolumeclaims/status c {"phase":"Lost"}
        event ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!"#]],
    );
    check(&world, &Claims, "d/c", expect![""]);
}

#[test]
fn a_claim_in_use_is_held_until_the_pod_is_gone() {
    let world = World::default();
    let mut going = claim(&json!({}));
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    going["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
    world.put(&PERSISTENT_VOLUME_CLAIMS, going);
    let pod = json!({
        "metadata": {"name": "p", "namespace": "d"},
        "spec": {"nodeName": "n", "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]},
    });
    world.put(&PODS, pod);
    check(&world, &ClaimProtection, "d/c", expect![""]);
    world.remove(&PODS, "d/p");
    check(&world, &ClaimProtection, "d/c", expect!["patch persistentvolumeclaims c {}"]);
    check(&world, &ClaimProtection, "d/c", expect![""]);
}

#[test]
fn a_bound_volume_that_is_deleted_goes_after_its_claim() {
    let world = World::default();
    let mut going = volume("v", "1Gi");
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    going["metadata"]["finalizers"] = json!(["kubernetes.io/pv-protection"]);
    going["spec"]["claimRef"] = json!({"name": "c", "namespace": "d", "uid": "uc"});
    going["status"]["phase"] = "Bound".into();
    world.put(&PERSISTENT_VOLUMES, going);
    world.put(&PERSISTENT_VOLUME_CLAIMS, claim(&json!({"volumeName": "v"})));
    check(&world, &VolumeProtection, "v", expect![""]);
    world.remove(&PERSISTENT_VOLUME_CLAIMS, "d/c");
    check(&world, &VolumeProtection, "v", expect![""]);
    check(
        &world,
        &Volumes,
        "v",
        expect![[
            r#"patch persistentvolumes/status v {"lastPhaseTransitionTime":"1970-01-01T00:00:00Z","phase":"Released"}"#
        ]],
    );
    check(&world, &VolumeProtection, "v", expect!["patch persistentvolumes v {}"]);
}

/// The volume may reach us before its claim does: letting go of it then would delete what the claim holds.
#[test]
fn a_volume_is_not_released_by_a_view_that_cannot_show_its_claim_yet() {
    let world = World::default();
    let mut made = volume("made", "2Gi");
    made["spec"]["claimRef"] = json!({"namespace": "d", "name": "c", "uid": "uc", "resourceVersion": "7"});
    world.put(&PERSISTENT_VOLUMES, made);
    world.shown.borrow_mut().insert(PERSISTENT_VOLUME_CLAIMS.clone(), 6);
    check(&world, &Volumes, "made", expect![""]);
    assert!(Volumes.reconcile("made", &world, Timestamp::default()).again.is_some());
    world.shown.borrow_mut().insert(PERSISTENT_VOLUME_CLAIMS.clone(), 7);
    check(
        &world,
        &Volumes,
        "made",
        expect![[
            r#"patch persistentvolumes/status made {"lastPhaseTransitionTime":"1970-01-01T00:00:00Z","phase":"Released"}"#
        ]],
    );
}
