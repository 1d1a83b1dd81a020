//! The calls of [`Api`], each as a request.

use super::call::Call;
use super::paths::{path, with_query};
use super::{Remote, decode, watching};
use crate::{Api, DeleteOptions, Discovered, ListOptions, ObjectList, PatchKind, Scope, WatchStream, WriteOptions};
use apimachinery::{ApiError, ApiResult, GroupVersionResource as Gvr, Object, Reason, Value, meta};
use async_trait::async_trait;
use http::Method;
use serde_json::{Map, json};
use std::sync::Arc;

/// Objects asked for at once. Upstream: the default of client-go's pager.
const PAGE: &str = "500";

/// Groups with their versions and resources in one document.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

#[async_trait]
impl Api for Remote {
    async fn get(&self, of: &Gvr, namespace: &str, name: &str) -> ApiResult<Arc<Object>> {
        // Without a name the path would be the collection's.
        if name.is_empty() {
            return Err(ApiError::not_found(of, name));
        }
        self.object(Call::get(path(of, namespace, name, ""))).await
    }

    async fn list(&self, of: &Gvr, scope: Scope<'_>, options: &ListOptions) -> ApiResult<ObjectList> {
        let mut list = ObjectList { items: Vec::new(), revision: 0 };
        let mut next = String::new();
        loop {
            let page = match self.page(of, scope, options, PAGE, &next).await {
                // The state of the first pages is forgotten: all of the present one, at once. Upstream: client-go's pager.
                Err(error) if error.reason() == Reason::Expired && !next.is_empty() => {
                    list.items.clear();
                    self.page(of, scope, options, "", "").await?
                }
                page => page?,
            };
            list.items.extend(page.items);
            list.revision = page.revision;
            next = page.next;
            if next.is_empty() {
                return Ok(list);
            }
        }
    }

    async fn watch(&self, of: &Gvr, scope: Scope<'_>, options: &ListOptions, revision: u64) -> ApiResult<WatchStream> {
        let from = revision.to_string();
        let start: &[(&str, &str)] = match revision {
            0 => &[("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")],
            _ => &[("resourceVersion", &from)],
        };
        let query = [
            &[
                ("watch", "true"),
                ("allowWatchBookmarks", "true"),
                ("labelSelector", &options.label_selector),
                ("fieldSelector", &options.field_selector),
            ],
            start,
        ];
        let call = Call::get(with_query(path(of, namespace_of(scope), "", ""), &query.concat()));
        Ok(watching::events(self.link.stream(&call).await?, self.link.address.origin.clone()))
    }

    async fn create(
        &self,
        of: &Gvr,
        namespace: &str,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        let name = if options.subresource.is_empty() { "" } else { meta::name(&body) };
        let path = writing(of, namespace, name, options, false);
        self.object(Call::new(Method::POST, path).with_body("application/json", &body)).await
    }

    async fn update(
        &self,
        of: &Gvr,
        namespace: &str,
        name: &str,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        let path = writing(of, namespace, name, options, false);
        self.object(Call::new(Method::PUT, path).with_body("application/json", &body)).await
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
        let (media_type, options, force) = match kind {
            PatchKind::Json => ("application/json-patch+json", options, false),
            PatchKind::Merge => ("application/merge-patch+json", options, false),
            PatchKind::Strategic => ("application/strategic-merge-patch+json", options, false),
            PatchKind::Apply { manager, force } => {
                let options = WriteOptions { field_manager: manager, ..options };
                ("application/apply-patch+yaml", options, force)
            }
        };
        let path = writing(of, namespace, name, options, force);
        self.object(Call::new(Method::PATCH, path).with_body(media_type, &body)).await
    }

    async fn delete(&self, of: &Gvr, namespace: &str, name: &str, options: &DeleteOptions) -> ApiResult<()> {
        // Without a name the path would be the collection's.
        if name.is_empty() {
            return Err(ApiError::not_found(of, name));
        }
        let call = Call::new(Method::DELETE, path(of, namespace, name, ""));
        self.link.bytes(&call.with_body("application/json", &delete_body(options))).await.map(drop)
    }

    async fn discover(&self) -> ApiResult<Vec<Discovered>> {
        let mut all = Vec::new();
        for path in ["/api", "/apis"] {
            let document = self.link.bytes(&Call::get(path).accepting(AGGREGATED)).await?;
            discovered(&decode::document(&document), &mut all);
        }
        Ok(all)
    }
}

impl Remote {
    async fn object(&self, call: Call) -> ApiResult<Arc<Object>> {
        decode::object(self.link.bytes(&call).await?)
    }

    async fn page(
        &self,
        of: &Gvr,
        scope: Scope<'_>,
        options: &ListOptions,
        limit: &str,
        next: &str,
    ) -> ApiResult<decode::Page> {
        let query = [
            ("labelSelector", options.label_selector.as_str()),
            ("fieldSelector", &options.field_selector),
            ("limit", limit),
            ("continue", next),
        ];
        let call = Call::get(with_query(path(of, namespace_of(scope), "", ""), &query));
        decode::page(&self.link.bytes(&call).await?)
    }
}

fn namespace_of(scope: Scope<'_>) -> &str {
    match scope {
        Scope::All => "",
        Scope::Namespace(name) => name,
    }
}

fn writing(of: &Gvr, namespace: &str, name: &str, options: WriteOptions<'_>, force: bool) -> String {
    let query = [
        ("fieldManager", options.field_manager),
        // Our own components may be newer than the server, or older: what it does not know is dropped.
        ("fieldValidation", "Ignore"),
        ("force", if force { "true" } else { "" }),
    ];
    with_query(path(of, namespace, name, options.subresource), &query)
}

/// A `DeleteOptions`.
fn delete_body(options: &DeleteOptions) -> Value {
    let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
    let mut preconditions = Map::new();
    if let Some(uid) = &options.uid {
        preconditions.insert("uid".to_owned(), uid.as_str().into());
    }
    if let Some(revision) = options.revision {
        preconditions.insert("resourceVersion".to_owned(), revision.to_string().into());
    }
    if !preconditions.is_empty() {
        body["preconditions"] = preconditions.into();
    }
    if let Some(seconds) = options.grace_seconds {
        body["gracePeriodSeconds"] = seconds.into();
    }
    if let Some(policy) = options.propagation {
        body["propagationPolicy"] = policy.into();
    }
    body
}

/// What of an aggregated discovery document can be listed and watched and deleted.
fn discovered(document: &Value, all: &mut Vec<Discovered>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for group in list(&document["items"]) {
        for version in list(&group["versions"]) {
            for resource in list(&version["resources"]) {
                let verbs = list(&resource["verbs"]);
                if !["list", "watch", "delete"].iter().all(|verb| verbs.iter().any(|known| known == verb)) {
                    continue;
                }
                all.push(Discovered {
                    resource: Gvr {
                        group: text(&group["metadata"]["name"]).into(),
                        version: text(&version["version"]).into(),
                        resource: text(&resource["resource"]).into(),
                    },
                    kind: text(&resource["responseKind"]["kind"]),
                    namespaced: resource["scope"] == "Namespaced",
                });
            }
        }
    }
}
