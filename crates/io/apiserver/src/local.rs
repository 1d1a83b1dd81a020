//! The API in process: no sockets, no copies, but the same authorization, admission and validation as for everybody.

use crate::auth::UserInfo;
use crate::handlers::Call;
use crate::handlers::options::{DeleteParams, FieldValidation, ListParams, Propagation, WriteParams, name_selected};
use crate::server::Server;
use apimachinery::patch::PatchType;
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Reason, Value};
use async_trait::async_trait;
use client::api::Discovered;
use client::{Api, DeleteOptions, ListOptions, ObjectList, PatchKind, Scope, WatchStream, WriteOptions};
use futures_util::StreamExt;
use futures_util::stream;
use std::sync::Arc;

/// The API as one identity inside this process sees it. Cheap to clone.
#[derive(Clone)]
pub struct Local {
    server: Arc<Server>,
    user: Arc<UserInfo>,
}

impl Local {
    pub(crate) fn new(server: Arc<Server>, user: UserInfo) -> Self {
        Self { server, user: Arc::new(user) }
    }

    async fn call<'a>(
        &'a self,
        of: &Gvr,
        namespace: &'a str,
        name: &'a str,
        options: WriteOptions<'a>,
    ) -> ApiResult<Call<'a>> {
        let found = self.server.find(&of.group, &of.version, &of.resource).await;
        let resource = found.ok_or_else(|| {
            ApiError::new(
                Reason::NotFound,
                format!("the server does not serve {} in {}", of.qualified(), of.api_version()),
            )
        })?;
        let mut call = Call::new(&self.user, resource, namespace, name);
        call.subresource = options.subresource;
        let manager = if options.field_manager.is_empty() { &self.user.name } else { options.field_manager };
        call.params = WriteParams {
            manager: manager.to_owned(),
            field_validation: FieldValidation::Ignore,
            ..WriteParams::default()
        };
        Ok(call)
    }

    async fn read<'a>(&'a self, of: &Gvr, namespace: &'a str, name: &'a str, verb: &str) -> ApiResult<Call<'a>> {
        let call = self.call(of, namespace, name, WriteOptions::default()).await?;
        self.server.authorize(&call, verb)?;
        Ok(call)
    }

    /// A list or a watch; one of a single object may be allowed by the object's name.
    async fn read_many<'a>(
        &'a self,
        of: &Gvr,
        scope: Scope<'a>,
        options: &ListOptions,
        verb: &str,
    ) -> ApiResult<Call<'a>> {
        let call = self.call(of, namespace_of(scope), "", WriteOptions::default()).await?;
        self.server.authorize(&call.for_object(call.namespace, name_selected(&options.field_selector)), verb)?;
        Ok(call)
    }
}

#[async_trait]
impl Api for Local {
    async fn get(&self, of: &Gvr, namespace: &str, name: &str) -> ApiResult<Arc<Object>> {
        let call = self.read(of, namespace, name, "get").await?;
        self.server.do_get(&call, None).await
    }

    async fn list(&self, of: &Gvr, scope: Scope<'_>, options: &ListOptions) -> ApiResult<ObjectList> {
        let call = self.read_many(of, scope, options, "list").await?;
        let listed = self.server.do_list(&call, &params(options)).await?;
        Ok(ObjectList { items: listed.items, revision: listed.revision })
    }

    async fn watch(&self, of: &Gvr, scope: Scope<'_>, options: &ListOptions, revision: u64) -> ApiResult<WatchStream> {
        let call = self.read_many(of, scope, options, "watch").await?;
        let params = ListParams {
            revision: (revision > 0).then_some(revision),
            watch: true,
            bookmarks: true,
            ..params(options)
        };
        let params = ListParams { send_initial_events: (revision == 0).then_some(true), ..params };
        let watching = self.server.watch(&call, &params).await?.without_end();
        let batches = stream::unfold(watching, |mut watching| async move {
            let items = watching.next().await?;
            Some((stream::iter(items.into_iter().map(|item| item.into_event())), watching))
        });
        Ok(Box::pin(batches.flatten()))
    }

    async fn create(
        &self,
        of: &Gvr,
        namespace: &str,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        let name =
            if options.subresource.is_empty() { "" } else { body["metadata"]["name"].as_str().unwrap_or_default() };
        let name = name.to_owned();
        let call = self.call(of, namespace, &name, options).await?;
        self.server.authorize(&call, "create")?;
        Ok(self.server.do_create(&call, body).await?.object)
    }

    async fn update(
        &self,
        of: &Gvr,
        namespace: &str,
        name: &str,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        let call = self.call(of, namespace, name, options).await?;
        self.server.authorize(&call, "update")?;
        Ok(self.server.do_update(&call, body).await?.object)
    }

    async fn patch(
        &self,
        of: &Gvr,
        namespace: &str,
        name: &str,
        kind: PatchKind,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        let mut call = self.call(of, namespace, name, options).await?;
        let kind = match kind {
            PatchKind::Json => PatchType::Json,
            PatchKind::Merge => PatchType::Merge,
            PatchKind::Strategic => PatchType::Strategic,
            PatchKind::Apply { manager, force } => {
                manager.clone_into(&mut call.params.manager);
                call.params.manager_given = true;
                call.params.force = force;
                PatchType::Apply
            }
        };
        self.server.authorize(&call, "patch")?;
        Ok(self.server.do_patch(&call, kind, &body).await?.object)
    }

    async fn delete(&self, of: &Gvr, namespace: &str, name: &str, options: &DeleteOptions) -> ApiResult<()> {
        let call = self.read(of, namespace, name, "delete").await?;
        let params = DeleteParams {
            uid: options.uid.clone(),
            revision: options.revision.map(|revision| revision.to_string()),
            grace_seconds: options.grace_seconds,
            propagation: propagation(options.propagation)?,
            dry_run: false,
        };
        self.server.delete(&call, &params).await.map(drop)
    }

    async fn discover(&self) -> ApiResult<Vec<Discovered>> {
        let table = self.server.registry.table();
        let all = table.all().filter(|resource| ["list", "watch", "delete"].iter().all(|verb| resource.allows(verb)));
        Ok(all
            .map(|resource| Discovered {
                resource: resource.gvr.clone(),
                kind: resource.gvk.kind.to_string(),
                namespaced: resource.namespaced,
            })
            .collect())
    }
}

fn params(options: &ListOptions) -> ListParams {
    ListParams {
        label_selector: options.label_selector.clone(),
        field_selector: options.field_selector.clone(),
        ..ListParams::default()
    }
}

fn namespace_of(scope: Scope<'_>) -> &str {
    match scope {
        Scope::All => "",
        Scope::Namespace(name) => name,
    }
}

fn propagation(policy: Option<&str>) -> ApiResult<Option<Propagation>> {
    match policy {
        None => Ok(None),
        Some("Background") => Ok(Some(Propagation::Background)),
        Some("Foreground") => Ok(Some(Propagation::Foreground)),
        Some("Orphan") => Ok(Some(Propagation::Orphan)),
        Some(other) => Err(ApiError::bad_request(format!("there is no propagation policy {other:?}"))),
    }
}
