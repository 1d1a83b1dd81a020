//! Claims, volumes and the local-path provisioner, against the API on a real store and a real folder.

mod world;

use apimachinery::Object;
use client::Api;
use client::resources::{NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES};
use controllers::Settings;
use reconciler::{LocalPath, Metrics};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use stdx::{Clock, SystemClock};
use world::{World, world};

async fn storing() -> World {
    let world = world().await;
    let api: Arc<dyn Api> = Arc::clone(&world.api) as Arc<dyn Api>;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (informers, stop) = (world.informers.clone(), world.stop.clone());
    reconciler::run_controllers(&Settings::default(), &api, &informers, &clock, &Metrics::default(), &stop);
    let config = LocalPath { folder: world.folder.path().join("volumes"), node: "n".to_owned(), is_master: true };
    tokio::spawn(reconciler::run_local_path(config, api, informers, Metrics::default(), stop));
    world
}

fn claim(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    })
}

fn phase_is(object: &Object, phase: &str) -> bool {
    object.to_value()["status"]["phase"] == phase
}

#[tokio::test]
async fn a_claim_gets_a_folder_on_its_node_and_loses_it() {
    let world = storing().await;
    world.create(&NODES, "", json!({"metadata": {"name": "n", "labels": {"kubernetes.io/hostname": "h"}}})).await;
    world.until(&STORAGE_CLASSES, "", "the default class", |all| all.len() == 1).await;
    let made = world.create(&PERSISTENT_VOLUME_CLAIMS, "default", claim("c")).await;
    assert_eq!(made.to_value()["spec"]["storageClassName"], "local-path", "the default class is filled in");
    let chosen = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n"}}});
    world.patch(&PERSISTENT_VOLUME_CLAIMS, "default", "c", "", chosen).await;
    world
        .until(&PERSISTENT_VOLUME_CLAIMS, "default", "bound", |all| all.iter().all(|one| phase_is(one, "Bound")))
        .await;
    let volumes =
        world.until(&PERSISTENT_VOLUMES, "", "bound", |all| all.iter().any(|one| phase_is(one, "Bound"))).await;
    let volume = volumes[0].to_value();
    let term = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0];
    assert_eq!(term["values"], json!(["h"]));
    let path = PathBuf::from(volume["spec"]["local"]["path"].as_str().unwrap());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o777);
    std::fs::write(path.join("data"), "x").unwrap();

    world.delete(&PERSISTENT_VOLUME_CLAIMS, "default", "c", None).await;
    world.until_empty(&PERSISTENT_VOLUME_CLAIMS, "default").await;
    world.until_empty(&PERSISTENT_VOLUMES, "").await;
    assert!(!path.exists(), "the data went with the claim");
}

#[tokio::test]
async fn a_volume_made_by_hand_is_bound_and_kept() {
    let world = storing().await;
    let volume = json!({
        "metadata": {"name": "v"},
        "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/srv/v"}},
    });
    world.create(&PERSISTENT_VOLUMES, "", volume).await;
    let mut wish = claim("c");
    wish["spec"]["storageClassName"] = "".into();
    world.create(&PERSISTENT_VOLUME_CLAIMS, "default", wish).await;
    world
        .until(&PERSISTENT_VOLUME_CLAIMS, "default", "bound", |all| all.iter().any(|one| phase_is(one, "Bound")))
        .await;
    world.delete(&PERSISTENT_VOLUME_CLAIMS, "default", "c", None).await;
    world.until(&PERSISTENT_VOLUMES, "", "released", |all| all.iter().any(|one| phase_is(one, "Released"))).await;
}
