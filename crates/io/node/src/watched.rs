//! The ConfigMaps and Secrets that the node's pods refer to: whose change is told, each watched by itself.
//!
//! A node may read no others, so there is no list of all of them. Contents are not kept: whoever is told reads again.
//!
//! Invariants
//! - An object is followed exactly as long as a pod refers to it.
//! - At most [`STREAMS`] watches are open; an object beyond them is looked at every [`LOOK`].
//!
//! Upstream: `pkg/kubelet/util/manager/watch_based_manager.go`.

use apimachinery::{ApiResult, EventType, GroupVersionResource, Value};
use client::{Api, ListOptions, Object, Scope, resources};
use futures_util::StreamExt;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stdx::Backoff;
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A connection to an API server carries 250 requests at once; most must stay free for others.
const STREAMS: usize = 100;
/// Upstream's `ttl` of the cache-based manager on a small cluster.
const LOOK: Duration = Duration::from_secs(60);
/// Changes that a slow reader may lag behind; then it takes all pods for concerned.
const LAG: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    is_secret: bool,
    namespace: String,
    name: String,
}

/// The pods that refer to an object; its following ends with this.
struct Followed {
    pods: BTreeSet<String>,
    _until_dropped: DropGuard,
}

#[derive(Default)]
struct State {
    by_pod: HashMap<String, BTreeSet<Key>>,
    followed: HashMap<Key, Followed>,
}

pub(crate) struct Watched {
    shared: Arc<Shared>,
    stop: CancellationToken,
}

struct Shared {
    api: Arc<dyn Api>,
    state: Mutex<State>,
    streams: Semaphore,
    /// The uids of pods that refer to what has changed.
    changes: broadcast::Sender<Arc<[String]>>,
}

impl Watched {
    /// Follows nothing yet. All ends with `stop`.
    pub fn new(api: Arc<dyn Api>, stop: CancellationToken) -> Self {
        let (state, streams) = (Mutex::default(), Semaphore::new(STREAMS));
        let shared = Shared { api, state, streams, changes: broadcast::Sender::new(LAG) };
        Self { shared: Arc::new(shared), stop }
    }

    /// The uids of the pods concerned by each change.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.shared.changes.subscribe()
    }

    /// Takes in a pod, as it is now.
    pub fn refer(&self, pod: &Object) {
        self.set(&pod.head.uid, references(pod));
    }

    /// The pod is gone.
    pub fn forget(&self, uid: &str) {
        self.set(uid, BTreeSet::new());
    }

    fn set(&self, uid: &str, keys: BTreeSet<Key>) {
        let mut state = self.shared.lock();
        let old = state.by_pod.remove(uid).unwrap_or_default();
        for key in old.difference(&keys) {
            let is_last = state.followed.get_mut(key).is_some_and(|followed| {
                followed.pods.remove(uid);
                followed.pods.is_empty()
            });
            if is_last {
                state.followed.remove(key);
            }
        }
        for key in keys.difference(&old) {
            let followed = state.followed.entry(key.clone()).or_insert_with(|| self.start(key.clone()));
            followed.pods.insert(uid.to_owned());
        }
        if !keys.is_empty() {
            state.by_pod.insert(uid.to_owned(), keys);
        }
    }

    fn start(&self, key: Key) -> Followed {
        let end = self.stop.child_token();
        let (shared, until) = (Arc::clone(&self.shared), end.clone());
        tokio::spawn(async move { until.run_until_cancelled(shared.follow(&key)).await });
        Followed { pods: BTreeSet::new(), _until_dropped: end.drop_guard() }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn follow(&self, key: &Key) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        let mut seen = None;
        loop {
            match self.look(key, &mut seen, &mut backoff).await {
                Ok(()) => {}
                Err(error) => {
                    // Also where this API server has not heard of the pod yet.
                    tracing::debug!(namespace = key.namespace, name = key.name, %error, "will look again");
                    tokio::time::sleep(backoff.fail()).await;
                }
            }
        }
    }

    /// Looks, and watches on while there is room. `seen` is the revision that was told last.
    async fn look(&self, key: &Key, seen: &mut Option<u64>, backoff: &mut Backoff) -> ApiResult<()> {
        let of = if key.is_secret { &resources::SECRETS } else { &resources::CONFIG_MAPS };
        let field_selector = format!("metadata.name={}", key.name);
        let options = ListOptions { field_selector, ..ListOptions::default() };
        let scope = Scope::Namespace(&key.namespace);
        let permit = self.streams.try_acquire().ok();
        let list = self.api.list(of, scope, &options).await?;
        // The first look as well: the pod may have read an earlier state.
        self.take(key, seen, list.items.first().map_or(0, |object| object.head.revision));
        if permit.is_none() {
            backoff.reset();
            tokio::time::sleep(LOOK).await;
            return Ok(());
        }
        self.watch(key, of, &options, list.revision, seen, backoff).await
    }

    async fn watch(
        &self,
        key: &Key,
        of: &GroupVersionResource,
        options: &ListOptions,
        revision: u64,
        seen: &mut Option<u64>,
        backoff: &mut Backoff,
    ) -> ApiResult<()> {
        let mut watch = self.api.watch(of, Scope::Namespace(&key.namespace), options, revision).await?;
        backoff.reset();
        while let Some(event) = watch.next().await {
            let event = event?;
            if event.kind != EventType::Bookmark {
                self.take(key, seen, event.object.head.revision);
            }
        }
        Ok(())
    }

    /// 0 stands for an object that is not there.
    fn take(&self, key: &Key, seen: &mut Option<u64>, revision: u64) {
        if seen.replace(revision) == Some(revision) {
            return;
        }
        let state = self.lock();
        let pods = state.followed.get(key).map(|followed| followed.pods.iter().cloned().collect::<Arc<[String]>>());
        drop(state);
        if let Some(pods) = pods {
            // Nobody listens before the agent follows its pods; it then reads everything.
            _ = self.changes.send(pods);
        }
    }
}

/// What the pod mounts or has in its containers' variables.
fn references(pod: &Object) -> BTreeSet<Key> {
    #[derive(Deserialize)]
    struct Specified {
        #[serde(default)]
        spec: Value,
    }
    let spec = pod.decode::<Specified>().map(|pod| pod.spec).unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut add = |is_secret: bool, name: &Value| {
        if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
            found.insert(Key { is_secret, namespace: pod.head.namespace.clone(), name: name.to_owned() });
        }
    };
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in items(&spec[list]) {
            for from in items(&container["env"]).map(|env| &env["valueFrom"]) {
                add(true, &from["secretKeyRef"]["name"]);
                add(false, &from["configMapKeyRef"]["name"]);
            }
            for from in items(&container["envFrom"]) {
                add(true, &from["secretRef"]["name"]);
                add(false, &from["configMapRef"]["name"]);
            }
        }
    }
    for volume in items(&spec["volumes"]) {
        add(true, &volume["secret"]["secretName"]);
        add(false, &volume["configMap"]["name"]);
        add(true, &volume["flexVolume"]["secretRef"]["name"]);
        for source in items(&volume["projected"]["sources"]) {
            add(true, &source["secret"]["name"]);
            add(false, &source["configMap"]["name"]);
        }
    }
    found
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
