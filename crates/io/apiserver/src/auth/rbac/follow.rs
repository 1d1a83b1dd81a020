//! Keeps the [`Authorizer`] current from lists and watches, and aggregated ClusterRoles filled.
//!
//! A broken watch is followed by a fresh list; until then the last known rules go on deciding.

use super::authorizer::Authorizer;
use super::{Rule, aggregate};
use apimachinery::{ApiResult, EventType, GroupVersionResource as Gvr, Object, Value};
use client::{Api, ListOptions, Scope, WriteOptions};
use futures_util::StreamExt;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub const ROLES: Gvr = Gvr::of("rbac.authorization.k8s.io", "v1", "roles");
pub const CLUSTER_ROLES: Gvr = Gvr::of("rbac.authorization.k8s.io", "v1", "clusterroles");
pub const ROLE_BINDINGS: Gvr = Gvr::of("rbac.authorization.k8s.io", "v1", "rolebindings");
pub const CLUSTER_ROLE_BINDINGS: Gvr = Gvr::of("rbac.authorization.k8s.io", "v1", "clusterrolebindings");

/// What is followed: `(resource, is a binding, is cluster-scoped)`.
static FOLLOWED: [(Gvr, bool, bool); 4] = [
    (ROLES, false, false),
    (CLUSTER_ROLES, false, true),
    (ROLE_BINDINGS, true, false),
    (CLUSTER_ROLE_BINDINGS, true, true),
];

/// Between a list or watch that ended and the next: long enough not to burn a core, short enough to go unnoticed.
const PAUSE: Duration = Duration::from_millis(500);

/// Follows until `stop`. [`Authorizer::synced`] tells when all four lists have been seen.
pub async fn run(authorizer: Arc<Authorizer>, api: Arc<dyn Api>, stop: CancellationToken) {
    let all = FOLLOWED.iter().enumerate().map(|(number, followed)| follow(&authorizer, &*api, number, followed));
    let following = futures_util::future::join_all(all);
    let aggregating = keep_aggregated(&authorizer, &*api);
    _ = stop.run_until_cancelled(futures_util::future::join(following, aggregating)).await;
}

async fn follow(authorizer: &Authorizer, api: &dyn Api, number: usize, followed: &(Gvr, bool, bool)) -> Infallible {
    loop {
        if let Err(error) = list_and_watch(authorizer, api, number, followed).await {
            tracing::debug!(resource = %followed.0.resource, %error, "will list again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn list_and_watch(
    authorizer: &Authorizer,
    api: &dyn Api,
    number: usize,
    (resource, binding, cluster): &(Gvr, bool, bool),
) -> ApiResult<()> {
    let options = ListOptions::default();
    let list = api.list(resource, Scope::All, &options).await?;
    authorizer.write(|index| {
        index.clear(*binding, *cluster);
        for object in &list.items {
            put(index, *binding, object);
        }
    });
    authorizer.mark_synced(number);
    authorizer.changed.notify_one();
    let mut watch = api.watch(resource, Scope::All, &options, list.revision).await?;
    while let Some(event) = watch.next().await {
        let event = event?;
        authorizer.write(|index| match event.kind {
            EventType::Added | EventType::Modified => put(index, *binding, &event.object),
            EventType::Deleted if *binding => index.remove_binding(&event.object),
            EventType::Deleted => index.remove_role(&event.object),
            EventType::Bookmark => {}
        });
        if !binding && *cluster {
            authorizer.changed.notify_one();
        }
    }
    Ok(())
}

fn put(index: &mut super::index::Index, binding: bool, object: &Object) {
    let done = if binding { index.put_binding(object) } else { index.put_role(object) };
    if let Err(error) = done {
        // Admission lets no such object in; a foreign store might hold one. It grants nothing.
        tracing::warn!(object = %object.key(), %error, "ignored an RBAC object that cannot be read");
    }
}

async fn keep_aggregated(authorizer: &Authorizer, api: &dyn Api) -> Infallible {
    loop {
        authorizer.changed.notified().await;
        if !authorizer.is_synced() {
            continue;
        }
        for (name, rules) in authorizer.read(|index| aggregate::stale(index.cluster_roles())) {
            if let Err(error) = fill(api, &name, &rules).await {
                tracing::debug!(%name, %error, "will fill the aggregated role again");
                tokio::time::sleep(PAUSE).await;
                authorizer.changed.notify_one();
            }
        }
    }
}

async fn fill(api: &dyn Api, name: &str, rules: &[Rule]) -> ApiResult<()> {
    let mut role: Value = api.get(&CLUSTER_ROLES, "", name).await?.to_value();
    role["rules"] = json!(rules);
    let options = WriteOptions { field_manager: "clusterrole-aggregation-controller", ..WriteOptions::default() };
    api.update(&CLUSTER_ROLES, "", name, role, options).await?;
    Ok(())
}
