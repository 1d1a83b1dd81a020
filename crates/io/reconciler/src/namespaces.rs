//! Empties namespaces that are being deleted, then lets them go.
//!
//! Pods go first; the rest follows when they are gone, so that nothing they need is taken from under them.
//! Waits for what is left through the shared informers; nothing polls.
//!
//! Upstream: `pkg/controller/namespace` (with OrderedNamespaceDeletion).

use crate::driver::sleep_until;
use crate::queue::{Outcome, Queue};
use crate::{Informers, Metrics};
use apimachinery::{ApiResult, GroupVersionResource, Object};
use client::resources::{NAMESPACES, PODS};
use client::{Api, DeleteOptions, Delta, Informer, ListOptions, Scope, WriteOptions};
use controllers::namespace::{Progress, finalized, is_ours, status};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use stdx::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Namespaces emptied at the same time. Upstream: 10 workers.
const WORKERS: usize = 10;
/// Deletes in flight for one namespace: enough to share commits.
const SIDE_BY_SIDE: usize = 16;
/// While the contents go, the conditions are brought up to date no more often than this.
const NEWS: Duration = Duration::from_secs(5);

const OPTIONS: WriteOptions<'static> = WriteOptions { subresource: "", field_manager: "namespace-controller" };

/// Runs until `stop`.
pub async fn run_namespaces(
    api: Arc<dyn Api>,
    informers: Informers,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let queue = Queue::counted(metrics.queue(OPTIONS.field_manager));
    let emptier = Arc::new(Emptier { api, informers, clock });
    stop.run_until_cancelled(run(emptier, queue)).await;
}

async fn run(emptier: Arc<Emptier>, mut queue: Queue) {
    let namespaces = emptier.informers.of(&NAMESPACES);
    let mut changes = namespaces.subscribe();
    namespaces.wait_for(1).await;
    let mut work: FuturesUnordered<BoxFuture<'static, (String, Outcome)>> = FuturesUnordered::new();
    add_all(&namespaces, &mut queue);
    loop {
        while work.len() < WORKERS
            && let Some(name) = queue.take(Instant::now())
        {
            work.push(Arc::clone(&emptier).round(name).boxed());
        }
        let due = queue.next_due().filter(|_| work.len() < WORKERS);
        tokio::select! {
            Some(delta) = changes.next() => match delta {
                Delta::Change { new: Some(namespace), .. } if is_ours(&namespace) => queue.add(namespace.key()),
                Delta::Change { .. } => {}
                Delta::Reset => add_all(&namespaces, &mut queue),
            },
            Some((name, outcome)) = work.next() => queue.done(&name, Instant::now(), outcome),
            () = sleep_until(due) => {}
            else => return,
        }
    }
}

fn add_all(namespaces: &Informer, queue: &mut Queue) {
    for namespace in namespaces.list(Scope::All).iter().filter(|namespace| is_ours(namespace)) {
        queue.add(namespace.key());
    }
}

struct Emptier {
    api: Arc<dyn Api>,
    informers: Informers,
    clock: Arc<dyn Clock>,
}

impl Emptier {
    async fn round(self: Arc<Self>, name: String) -> (String, Outcome) {
        match self.empty(&name).await {
            Ok(()) => (name, Outcome::Settled { again: None }),
            Err(error) => {
                tracing::debug!(namespace = name, %error, "not empty yet; will retry");
                (name, Outcome::Failed)
            }
        }
    }

    async fn empty(&self, name: &str) -> ApiResult<()> {
        loop {
            let namespace = match self.api.get(&NAMESPACES, "", name).await {
                Err(error) if error.is_not_found() => return Ok(()),
                found => found?,
            };
            if !is_ours(&namespace) {
                return Ok(());
            }
            let (progress, left) = self.pass(name).await;
            if progress.is_done() {
                return self.let_go(&namespace).await;
            }
            self.report(&namespace, &progress).await?;
            if progress.discovery.is_some() || !progress.failures.is_empty() {
                return Err(apimachinery::ApiError::internal(progress.failures.join(", ")));
            }
            self.wait(name, &left).await;
        }
    }

    /// Deletes what there is and looks at what is left. Returns the resources that have objects left.
    async fn pass(&self, namespace: &str) -> (Progress, Vec<GroupVersionResource>) {
        let (mut progress, mut left) = (Progress::default(), Vec::new());
        let resources = match self.resources().await {
            Ok(resources) => resources,
            Err(error) => {
                progress.discovery = Some(error.to_string());
                return (progress, left);
            }
        };
        self.clear(&PODS, namespace, &mut progress, &mut left).await;
        if left.is_empty() {
            for of in resources.iter().filter(|of| **of != PODS) {
                self.clear(of, namespace, &mut progress, &mut left).await;
            }
        }
        (progress, left)
    }

    /// One version of every namespaced resource.
    async fn resources(&self) -> ApiResult<Vec<GroupVersionResource>> {
        let mut seen = std::collections::HashSet::new();
        let mut discovered = self.api.discover().await?;
        // Events are served by two groups from one place.
        discovered.retain(|found| {
            let group = if found.kind == "Event" { "" } else { &*found.resource.group };
            found.namespaced && seen.insert((group.to_owned(), found.kind.clone()))
        });
        Ok(discovered.into_iter().map(|found| found.resource).collect())
    }

    async fn clear(
        &self,
        of: &GroupVersionResource,
        namespace: &str,
        progress: &mut Progress,
        left: &mut Vec<GroupVersionResource>,
    ) {
        let shown = if of.group.is_empty() { format!("{}.", of.resource) } else { of.qualified() };
        match self.delete_all(of, namespace).await {
            Ok(items) if items.is_empty() => {}
            Ok(items) => {
                items.iter().for_each(|item| progress.left(&shown, item));
                left.push(of.clone());
            }
            // The resource itself went away.
            Err(error) if error.is_not_found() => {}
            Err(error) => progress.failures.push(format!("{shown}: {error}")),
        }
    }

    /// Returns the objects that are still there afterwards.
    async fn delete_all(&self, of: &GroupVersionResource, namespace: &str) -> ApiResult<Vec<Arc<Object>>> {
        let scope = Scope::Namespace(namespace);
        let list = self.api.list(of, scope, &ListOptions::default()).await?;
        if list.items.is_empty() {
            return Ok(list.items);
        }
        let mut deletes = Vec::with_capacity(list.items.len());
        for item in list.items.iter().filter(|item| !item.head.is_deleting()) {
            deletes.push(self.delete(of, item).boxed());
        }
        let mut deletes = stream::iter(deletes).buffer_unordered(SIDE_BY_SIDE);
        while let Some(result) = deletes.next().await {
            result?;
        }
        Ok(self.api.list(of, scope, &ListOptions::default()).await?.items)
    }

    async fn delete(&self, of: &GroupVersionResource, item: &Object) -> ApiResult<()> {
        let options = DeleteOptions {
            uid: Some(item.head.uid.clone()),
            propagation: Some("Background"),
            ..DeleteOptions::default()
        };
        match self.api.delete(of, &item.head.namespace, &item.head.name, &options).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    async fn report(&self, namespace: &Object, progress: &Progress) -> ApiResult<()> {
        let Some(status) = status(namespace, progress, self.clock.now()) else { return Ok(()) };
        let body = json!({"metadata": {"uid": namespace.head.uid}, "status": status});
        let options = WriteOptions { subresource: "status", ..OPTIONS };
        let kind = client::PatchKind::Merge;
        self.api.patch(&NAMESPACES, "", &namespace.head.name, kind, body, options).await.map(drop)
    }

    async fn let_go(&self, namespace: &Object) -> ApiResult<()> {
        let options = WriteOptions { subresource: "finalize", ..OPTIONS };
        match self.api.update(&NAMESPACES, "", &namespace.head.name, finalized(namespace), options).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Until all of it is gone, or some of it and there is news to tell.
    async fn wait(&self, namespace: &str, left: &[GroupVersionResource]) {
        let news = tokio::time::sleep(NEWS);
        tokio::pin!(news);
        let mut changed = false;
        for of in left {
            let informer = self.informers.of(of);
            let mut changes = informer.subscribe();
            // The first list of an informer that nobody had: its changes are told like all others.
            while informer.revision() == 0 || !informer.list(Scope::Namespace(namespace)).is_empty() {
                tokio::select! {
                    change = changes.next() => match change {
                        Some(Delta::Change { old, new }) => {
                            let object = new.or(old);
                            changed |= object.is_some_and(|object| object.head.namespace == namespace);
                        }
                        Some(Delta::Reset) => changed = true,
                        None => return,
                    },
                    () = informer.wait_for(1), if informer.revision() == 0 => {}
                    () = &mut news, if changed => return,
                }
            }
        }
    }
}
