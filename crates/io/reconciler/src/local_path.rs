//! The default provisioner: a claim gets a folder on the node of its first consumer.
//!
//! Invariants
//! - Only folders directly below ours, named as we name them, are ever deleted.
//! - A volume object is made after its folder, and deleted after it.

use crate::driver::sleep_until;
use crate::queue::{Outcome, Queue};
use crate::{Informers, Metrics};
use apimachinery::{ApiError, ApiResult, Object, Value};
use client::resources::{NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES};
use client::{Api, DeleteOptions, Delta, EventRecorder, ObjectRef, Scope, WriteOptions};
use controllers::volume_binding::{PROVISIONED_BY, PROVISIONER, SELECTED_NODE};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Our name, and the one under which manifests for a well-known provisioner of the same kind ask for it.
const NAMES: [&str; 2] = ["barque.io/local-path", "rancher.io/local-path"];
const CLASS: &str = "local-path";
const HOSTNAME: &str = "kubernetes.io/hostname";
/// Folders made and deleted at the same time: deleting a big one must not hold up the others.
const WORKERS: usize = 8;
const OPTIONS: WriteOptions<'static> = WriteOptions { subresource: "", field_manager: NAMES[0] };

/// Where volumes of a node are kept.
#[derive(Debug, Clone)]
pub struct LocalPath {
    /// Their folders are made in here.
    pub folder: PathBuf,
    /// This machine's Node object.
    pub node: String,
    /// Whether the StorageClass is made here, and claims that wait for no consumer are taken: what a machine does that may
    /// write all volumes. A worker makes those only that the scheduler sent to it.
    pub is_master: bool,
}

/// Runs the provisioner of one node until `stop`; first it makes the default StorageClass if there is none of its name.
pub async fn run_local_path(
    config: LocalPath,
    api: Arc<dyn Api>,
    informers: Informers,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let queue = Queue::counted(metrics.queue(NAMES[0]));
    let events = EventRecorder::start(Arc::clone(&api), NAMES[0], "");
    let provisioner = Arc::new(Provisioner { config, api, informers, events });
    stop.run_until_cancelled(run(provisioner, queue)).await;
}

struct Provisioner {
    config: LocalPath,
    api: Arc<dyn Api>,
    informers: Informers,
    events: EventRecorder,
}

/// Keys of the queue: `class`, `claim/namespace/name`, `volume/name`.
async fn run(provisioner: Arc<Provisioner>, mut queue: Queue) {
    let (claims, volumes) =
        (provisioner.informers.of(&PERSISTENT_VOLUME_CLAIMS), provisioner.informers.of(&PERSISTENT_VOLUMES));
    let (mut claim_changes, mut volume_changes) = (claims.subscribe(), volumes.subscribe());
    for of in [&PERSISTENT_VOLUME_CLAIMS, &PERSISTENT_VOLUMES, &STORAGE_CLASSES, &NODES] {
        provisioner.informers.of(of).wait_for(1).await;
    }
    queue.add("class".to_owned());
    let add_all = |queue: &mut Queue| {
        claims.list(Scope::All).iter().for_each(|claim| queue.add(format!("claim/{}", claim.key())));
        volumes.list(Scope::All).iter().for_each(|volume| queue.add(format!("volume/{}", volume.key())));
    };
    add_all(&mut queue);
    let mut work: FuturesUnordered<BoxFuture<'static, (String, Outcome)>> = FuturesUnordered::new();
    loop {
        while work.len() < WORKERS
            && let Some(key) = queue.take(Instant::now())
        {
            work.push(Arc::clone(&provisioner).round(key).boxed());
        }
        let due = queue.next_due().filter(|_| work.len() < WORKERS);
        let mut take_in = |prefix: &str, delta: Delta| match delta {
            Delta::Change { new: Some(object), .. } => queue.add(format!("{prefix}/{}", object.key())),
            Delta::Change { new: None, .. } => {}
            Delta::Reset => add_all(&mut queue),
        };
        tokio::select! {
            Some(delta) = claim_changes.next() => take_in("claim", delta),
            Some(delta) = volume_changes.next() => take_in("volume", delta),
            Some((key, outcome)) = work.next() => queue.done(&key, Instant::now(), outcome),
            () = sleep_until(due) => {}
            else => return,
        }
    }
}

impl Provisioner {
    async fn round(self: Arc<Self>, key: String) -> (String, Outcome) {
        let result = match key.split_once('/') {
            Some(("claim", claim)) => self.claim(claim).await,
            Some((_, volume)) => self.volume(volume).await,
            None if self.config.is_master => self.make_class().await,
            None => Ok(()),
        };
        match result {
            Ok(()) => (key, Outcome::Settled { again: None }),
            Err(error) => {
                tracing::debug!(key, %error, "the local-path provisioner will retry");
                (key, Outcome::Failed)
            }
        }
    }

    async fn make_class(&self) -> ApiResult<()> {
        let class = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": NAMES[0], "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
        });
        existing_is_fine(self.api.create(&STORAGE_CLASSES, "", class, OPTIONS).await)
    }

    async fn claim(&self, key: &str) -> ApiResult<()> {
        let Some(object) = self.informers.of(&PERSISTENT_VOLUME_CLAIMS).get(key) else { return Ok(()) };
        let claim = object.to_value();
        let asked = text(&claim["metadata"]["annotations"][PROVISIONER[0]]);
        let node = text(&claim["metadata"]["annotations"][SELECTED_NODE]);
        // A claim that waits for no consumer has its volume on whichever node takes it first.
        let is_elsewhere = !node.is_empty() && node != self.config.node;
        let is_bound = !text(&claim["spec"]["volumeName"]).is_empty();
        if !NAMES.contains(&asked) || is_elsewhere || is_bound || object.head.is_deleting() {
            return Ok(());
        }
        let Some(class) = self.informers.of(&STORAGE_CLASSES).get(text(&claim["spec"]["storageClassName"])) else {
            return Ok(());
        };
        let class = class.to_value();
        let waits = class["volumeBindingMode"] == "WaitForFirstConsumer" || !self.config.is_master;
        if node.is_empty() && waits {
            return Ok(());
        }
        self.provision(&object, &claim, &class, asked).await
    }

    async fn provision(&self, object: &Object, claim: &Value, class: &Value, asked: &str) -> ApiResult<()> {
        let name = format!("pvc-{}", object.head.uid);
        if self.informers.of(&PERSISTENT_VOLUMES).get(&name).is_some() {
            return Ok(());
        }
        let about = ObjectRef::to(object, "v1", "PersistentVolumeClaim");
        let message = format!("External provisioner is provisioning volume for claim {:?}", object.key());
        self.events.normal(&about, "Provisioning", message);
        let path = self.config.folder.join(format!("{name}_{}_{}", object.head.namespace, object.head.name));
        let result = self.make(&path, claim).await;
        if let Err(why) = result {
            let class = text(&class["metadata"]["name"]);
            let message = format!("failed to provision volume with StorageClass {class:?}: {why}");
            self.events.warning(&about, "ProvisioningFailed", message);
            return Err(ApiError::internal(why));
        }
        let volume = self.volume_object(&name, &path, object, claim, class, asked);
        existing_is_fine(self.api.create(&PERSISTENT_VOLUMES, "", volume, OPTIONS).await)?;
        self.events.normal(&about, "ProvisioningSucceeded", format!("Successfully provisioned volume {name}"));
        Ok(())
    }

    async fn make(&self, path: &Path, claim: &Value) -> Result<(), String> {
        if claim["spec"]["volumeMode"] == "Block" {
            return Err("block volumes are not supported by this provisioner; use volumeMode Filesystem".to_owned());
        }
        let path = path.to_owned();
        let made = blocking(move || {
            fs::create_dir_all(&path)?;
            // Pods run as any user; the folder above is closed to everybody else.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o777))
        });
        made.await.map_err(|error| format!("cannot make a folder in {}: {error}", self.config.folder.display()))
    }

    fn volume_object(
        &self,
        name: &str,
        path: &Path,
        object: &Object,
        claim: &Value,
        class: &Value,
        asked: &str,
    ) -> Value {
        let hostname = self.hostname();
        let head = &object.head;
        let mut volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {PROVISIONED_BY: asked}},
            "spec": {
                "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
                "accessModes": claim["spec"]["accessModes"],
                "persistentVolumeReclaimPolicy": class["reclaimPolicy"].as_str().unwrap_or("Delete"),
                "storageClassName": class["metadata"]["name"],
                "volumeMode": "Filesystem",
                "claimRef": {
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": head.namespace,
                    "name": head.name, "uid": head.uid, "resourceVersion": head.revision.to_string(),
                },
                "local": {"path": path},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": HOSTNAME, "operator": "In", "values": [hostname]},
                ]}]}},
            },
        });
        if let Some(options) = class["mountOptions"].as_array() {
            volume["spec"]["mountOptions"] = json!(options);
        }
        volume
    }

    fn hostname(&self) -> String {
        let node = self.informers.of(&NODES).get(&self.config.node);
        node.and_then(|node| node.head.labels.get(HOSTNAME).cloned()).unwrap_or_else(|| self.config.node.clone())
    }

    /// Every machine has a folder of the same name: the volume says whose it is in.
    fn is_here(&self, volume: &Value) -> bool {
        let term = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0];
        term["key"] == HOSTNAME && term["values"][0] == *self.hostname()
    }

    /// Deletes what a released volume of ours holds, and the volume.
    async fn volume(&self, name: &str) -> ApiResult<()> {
        let Some(object) = self.informers.of(&PERSISTENT_VOLUMES).get(name) else { return Ok(()) };
        let volume = object.to_value();
        let is_ours = NAMES.contains(&text(&volume["metadata"]["annotations"][PROVISIONED_BY]));
        let goes = volume["status"]["phase"] == "Released"
            && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
            && !object.head.is_deleting();
        let path = PathBuf::from(text(&volume["spec"]["local"]["path"]));
        if !is_ours || !goes || !self.is_here(&volume) || !is_below(&path, &self.config.folder) {
            return Ok(());
        }
        let shown = path.display().to_string();
        if let Err(error) = blocking(move || remove(&path)).await {
            let message = format!("cannot delete {shown}: {error}");
            self.events.warning(&ObjectRef::to(&object, "v1", "PersistentVolume"), "VolumeFailedDelete", &*message);
            return Err(ApiError::internal(message));
        }
        let options = DeleteOptions { uid: Some(object.head.uid.clone()), ..DeleteOptions::default() };
        match self.api.delete(&PERSISTENT_VOLUMES, "", name, &options).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether this is one of the folders we make, and nothing else.
fn is_below(path: &Path, folder: &Path) -> bool {
    let named_by_us = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pvc-"));
    path.parent() == Some(folder) && named_by_us
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn existing_is_fine(result: ApiResult<Arc<Object>>) -> ApiResult<()> {
    match result {
        Err(error) if !error.is_already_exists() => Err(error),
        _ => Ok(()),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_folders_are_deleted() {
        let folder = Path::new("/data/volumes");
        assert!(is_below(Path::new("/data/volumes/pvc-1_d_c"), folder));
        for wrong in
            ["/data/volumes", "/data/volumes/x", "/data/volumes/pvc-1/../..", "/etc", "", "/data/volumes/a/pvc-1"]
        {
            assert!(!is_below(Path::new(wrong), folder), "{wrong}");
        }
    }
}
