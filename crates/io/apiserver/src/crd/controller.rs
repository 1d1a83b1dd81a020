//! Serves CustomResourceDefinitions as they come, change and go.
//!
//! Invariants
//! - A kind is served before its definition says `Established`.
//! - A deleted definition goes only after its last object.
//!
//! Upstream: `apiextensions-apiserver/pkg/controller/{status,establish,finalizer}`.

use super::definition;
use crate::auth::UserInfo;
use crate::cache::{Selection, Watcher};
use crate::handlers::Call;
use crate::handlers::options::{DeleteParams, ListParams, Propagation};
use crate::handlers::write::now_text;
use crate::resource::Resource;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Value, meta};
use client::{Api, WriteOptions};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub const DEFINITIONS: Gvr = Gvr::of("apiextensions.k8s.io", "v1", "customresourcedefinitions");
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";
const PREFIX: &str = "/registry/apiextensions.k8s.io/customresourcedefinitions/";
/// Between a failed round and the next.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries to take the finalizer off against other writers, without a pause.
const RELEASE_TRIES: usize = 10;

/// Puts into the table what is stored already and established, so that the first request finds it.
pub fn load(server: &Server) {
    for object in server.cache.shelf_at(PREFIX).objects() {
        let definition = object.to_value();
        if definition::is_established(&definition["status"]) {
            serve(server, &definition);
        }
    }
}

impl Server {
    /// The resource of a path; also one whose definition another server has established a moment ago, so that whoever
    /// has seen that may ask any server.
    pub async fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let find = || self.registry.table().find(group, version, plural);
        let found = find();
        // Custom groups have a dot.
        if found.is_some() || !group.contains('.') {
            return found;
        }
        self.cache.wait_fresh().await.ok()?;
        let (shelf, key) = (self.cache.shelf_at(PREFIX), format!("{PREFIX}{plural}.{group}"));
        let definition = shelf.get(&key)?.to_value();
        let versions = definition["spec"]["versions"].as_array();
        let is_served = versions.into_iter().flatten().any(|own| own["name"] == version && own["served"] == true);
        if is_served && definition::is_established(&definition["status"]) {
            serve(self, &definition);
            // Deleted meanwhile, it has been taken off already.
            if shelf.get(&key).is_none() {
                self.registry.change(|table| table.remove(group, plural));
            }
        }
        find()
    }
}

/// Follows the definitions until `stop`.
pub async fn run(server: Arc<Server>, stop: CancellationToken) {
    stop.run_until_cancelled(async {
        loop {
            if let Err(error) = follow(&server).await {
                tracing::warn!(%error, "custom resource definitions: will look again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    })
    .await;
}

async fn follow(server: &Arc<Server>) -> ApiResult<()> {
    let shelf = server.cache.shelf_at(PREFIX);
    let snapshot = shelf.snapshot(server.cache.revision());
    let mut watcher = Watcher::new(server.cache.clone(), shelf.clone(), Selection::everything(), snapshot.revision)
        .map_err(|oldest| ApiError::expired(format!("{oldest}")))?;
    let mut served: HashMap<String, (String, String)> = HashMap::new();
    for object in shelf.objects() {
        round(server, &object.to_value(), &mut served).await?;
    }
    while let Ok(changes) = watcher.next().await {
        for change in changes {
            match &change.event.after {
                Some(entry) => round(server, &entry.object.to_value(), &mut served).await?,
                None => {
                    let name = change.event.before.as_ref().map(|entry| entry.object.head.name.clone());
                    if let Some((group, plural)) = name.and_then(|name| served.remove(&name)) {
                        server.registry.change(|table| table.remove(&group, &plural));
                        // Others of the group may have waited for its names.
                        for object in shelf.objects() {
                            let other = object.to_value();
                            if other["spec"]["group"] == group.as_str() {
                                round(server, &other, &mut served).await?;
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Brings one definition to where it should be.
async fn round(
    server: &Arc<Server>,
    definition: &Value,
    served: &mut HashMap<String, (String, String)>,
) -> ApiResult<()> {
    let name = meta::name(definition);
    if meta::deletion_timestamp(definition).is_some() {
        if meta::finalizers(definition).contains(&FINALIZER) {
            serve(server, definition);
            tokio::spawn(clean_up(server.clone(), definition.clone()));
        }
        return Ok(());
    }
    let conflict = definition::conflict(definition, &server.registry.table());
    if conflict.is_none() || definition::is_established(&definition["status"]) {
        serve(server, definition);
        let place = |field: &str| definition["spec"].pointer(field).and_then(Value::as_str).unwrap_or_default();
        served.insert(name.to_owned(), (place("/group").to_owned(), place("/names/plural").to_owned()));
    }
    let status = definition::status(definition, conflict.as_ref(), &now_text());
    if status == definition["status"] {
        return Ok(());
    }
    let mut wanted = definition.clone();
    wanted["status"] = status;
    write_status(server, wanted).await
}

fn serve(server: &Server, definition: &Value) {
    let mut resources = definition::resources(definition);
    if meta::deletion_timestamp(definition).is_some() {
        // What is being emptied takes nothing in.
        resources.iter_mut().for_each(|resource| resource.verbs.retain(|verb| verb != "create"));
    }
    let spec = &definition["spec"];
    let (group, plural) = (spec["group"].as_str(), spec["names"]["plural"].as_str());
    for resource in &resources {
        server.cache.shelf(&resource.place);
    }
    server.registry.change(|table| {
        table.remove(group.unwrap_or_default(), plural.unwrap_or_default());
        for resource in resources {
            table.insert(Arc::new(resource));
        }
    });
}

/// A conflict means that a newer state is on its way to us.
async fn write_status(server: &Server, wanted: Value) -> ApiResult<()> {
    let api = server.local(UserInfo::system("system:apiserver"))?;
    let options = WriteOptions { subresource: "status", ..WriteOptions::default() };
    let name = meta::name(&wanted).to_owned();
    match api.update(&DEFINITIONS, "", &name, wanted, options).await {
        Err(error) if !error.is_conflict() && !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Deletes all objects of a deleted definition, waits until they are gone, and lets the definition go.
async fn clean_up(server: Arc<Server>, definition: Value) {
    loop {
        match try_clean_up(&server, &definition).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(definition = meta::name(&definition), %error, "cannot delete all objects yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn try_clean_up(server: &Server, definition: &Value) -> ApiResult<()> {
    let user = UserInfo::system("system:apiserver");
    let Some(resource) = definition::resources(definition).into_iter().next().map(Arc::new) else {
        return release(server, definition).await;
    };
    let shelf = server.cache.shelf(&resource.place);
    let mut changed = shelf.subscribe();
    let call = Call::new(&user, resource, "", "");
    let params = DeleteParams { propagation: Some(Propagation::Background), ..DeleteParams::default() };
    server.delete_collection(&call, &ListParams::default(), &params).await?;
    server.cache.wait_fresh().await?;
    while !shelf.is_empty() {
        // Objects with finalizers go when their owners let go; new ones are not accepted any more.
        if changed.changed().await.is_err() {
            return Ok(());
        }
    }
    release(server, definition).await
}

/// Takes the finalizer off, whoever writes meanwhile.
async fn release(server: &Server, definition: &Value) -> ApiResult<()> {
    let api = server.local(UserInfo::system("system:apiserver"))?;
    let name = meta::name(definition);
    for _ in 0..RELEASE_TRIES {
        let current = match api.get(&DEFINITIONS, "", name).await {
            Err(error) if error.is_not_found() => return Ok(()),
            other => other?,
        };
        let mut current = current.to_value();
        meta::remove_finalizer(&mut current, FINALIZER);
        match api.update(&DEFINITIONS, "", name, current, WriteOptions::default()).await {
            Err(error) if error.is_conflict() => {}
            Err(error) if !error.is_not_found() => return Err(error),
            _ => return Ok(()),
        }
    }
    Err(ApiError::modified(&DEFINITIONS, name))
}
