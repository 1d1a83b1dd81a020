//! One request from its head to its answer: who, may they, what, in which form.
//!
//! Upstream: `apiserver/pkg/server/config.go` (DefaultBuildHandlerChain), `endpoints/handlers/*.go`.

use super::answer::{self, Answer};
use super::forms::{Form, Limits};
use super::{Front, Peer, RequestInfo, body, paths, watching};
use crate::auth::{Attributes, Target, UserInfo, impersonation};
use crate::handlers::delete::Deleted;
use crate::handlers::options::{DeleteParams, ListParams, WriteParams, name_selected, revision};
use crate::handlers::{Call, Written};
use crate::resource::Resource;
use apimachinery::codec;
use apimachinery::patch::PatchType;
use apimachinery::{ApiError, ApiResult, Reason, Value, time};
use client::resources::NAMESPACES;
use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT, WARNING};
use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

const APPLY: &[u8] = b"application/apply-patch";
const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Never fails: what goes wrong becomes an answer.
pub(super) async fn answer(front: Arc<Front>, peer: Peer, request: Request<Incoming>) -> Answer {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let mut body = Some(body);
    let info = RequestInfo::parse(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default());
    let audit_id = parts.headers.get(AUDIT_ID).cloned();
    let applied = parts.headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(APPLY));
    let form = Form::of(&parts.headers, &info, Limits::default());
    let handled = AssertUnwindSafe(handle(&front, &peer, &info, &form, parts, &mut body)).catch_unwind().await;
    let mut answer = match handled {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => answer::error(&error, form.as_ref().ok()),
        Err(_) => {
            tracing::error!(path = info.path, verb = info.verb, "a handler panicked");
            let text = "This request caused apiserver to panic. Look in the logs for details.";
            answer::error(&ApiError::new(Reason::InternalError, text), None)
        }
    };
    if let Some(unread) = body {
        body::take_rest(unread).await;
    }
    let audit_id = audit_id.or_else(|| HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()).ok());
    if let Some(id) = audit_id {
        answer.headers_mut().insert(AUDIT_ID, id);
    }
    front.metrics.request(&info, is_known(&front, &info), applied, answer.status(), started.elapsed());
    answer
}

/// Whether the path is that of a resource, and subresource, there is.
fn is_known(front: &Front, info: &RequestInfo) -> bool {
    let found = || front.server.registry.table().find(&info.group, &info.version, &info.resource);
    let is_whole =
        |resource: Arc<Resource>| info.subresource.is_empty() || resource.subresource(&info.subresource).is_some();
    info.is_resource && found().is_some_and(is_whole)
}

async fn handle(
    front: &Arc<Front>,
    peer: &Peer,
    info: &RequestInfo,
    form: &ApiResult<Form>,
    parts: Parts,
    body: &mut Option<Incoming>,
) -> ApiResult<Answer> {
    check_timeout(info)?;
    let user = identify(front, peer, &parts).await?;
    authorize(front, &user, info)?;
    if !info.is_resource {
        return paths::answer(front, info, &parts).await;
    }
    let resource = find(front, info).await?;
    if front.server.special.is_proxy(&resource, &info.subresource) {
        let namespace = if resource.namespaced { info.namespace.as_str() } else { "" };
        let call = Call::new(&user, resource, namespace, &info.name);
        return crate::proxy::serve(&front.server, &call, parts, body).await;
    }
    let _permit = front.limits.admit(info).await?;
    let limits = Limits { custom: resource.is_custom(), untabled: !resource.has_rows(&info.subresource) };
    if limits != Limits::default() {
        let form = Form::of(&parts.headers, info, limits)?;
        return serve(front, &user, resource, info, &form, parts, body).await;
    }
    let form = form.as_ref().map_err(ApiError::clone)?;
    serve(front, &user, resource, info, form, parts, body).await
}

async fn identify(front: &Front, peer: &Peer, parts: &Parts) -> ApiResult<Arc<UserInfo>> {
    let authenticator = front.server.authenticator().ok_or_else(|| {
        ApiError::new(Reason::ServiceUnavailable, "the server is starting or shutting down; try again in a moment")
    })?;
    let user = authenticator.authenticate(peer.certificate.as_ref(), &parts.headers).await?;
    impersonation::apply(&front.server.authorizer, user, &parts.headers)
}

fn authorize(front: &Front, user: &UserInfo, info: &RequestInfo) -> ApiResult<()> {
    let target = if info.is_resource {
        Target::Resource {
            group: &info.group,
            resource: &info.resource,
            subresource: &info.subresource,
            namespace: &info.namespace,
            name: named(info),
        }
    } else {
        Target::Path(&info.path)
    };
    front.server.authorizer.check(&Attributes { user, verb: &info.verb, target })
}

/// A list of one object by a field selector may be allowed by the object's name.
fn named(info: &RequestInfo) -> &str {
    if !info.name.is_empty() || !matches!(info.verb.as_str(), "list" | "watch" | "deletecollection") {
        return &info.name;
    }
    name_selected(info.value("fieldSelector").unwrap_or_default())
}

/// The parameter `timeout` must be a duration. It ends nothing: writes are done or not, and never half.
fn check_timeout(info: &RequestInfo) -> ApiResult<()> {
    let asked = info.value("timeout").filter(|text| !text.is_empty() && !info.is_long_running());
    let refuse = |why| ApiError::bad_request(format!("invalid timeout specified in the request URL - {why}"));
    asked.map_or(Ok(()), |text| time::parse_go_duration(text).map(drop).map_err(refuse))
}

async fn find(front: &Front, info: &RequestInfo) -> ApiResult<Arc<Resource>> {
    let resource = front.server.find(&info.group, &info.version, &info.resource).await;
    let resource = resource.ok_or_else(no_such_path)?;
    // Rights in a namespace are none to cluster-scoped objects, also where one of them has its name; the namespace itself
    // is the exception.
    let foreign = !resource.namespaced && !info.namespace.is_empty() && resource.gvr != NAMESPACES;
    let homeless = resource.namespaced && info.namespace.is_empty() && !info.name.is_empty();
    let unknown = !info.subresource.is_empty() && resource.subresource(&info.subresource).is_none();
    if foreign || homeless || unknown {
        return Err(no_such_path());
    }
    let bare = info.name.is_empty() && matches!(info.verb.as_str(), "update" | "patch");
    let named = !info.name.is_empty() && info.subresource.is_empty() && info.verb == "create";
    if bare || named {
        return Err(not_allowed());
    }
    let asked = !resource.is_stored() && !resource.allows(&info.verb);
    if asked && info.subresource.is_empty() { Err(not_allowed()) } else { Ok(resource) }
}

pub fn no_such_path() -> ApiError {
    ApiError::new(Reason::NotFound, "the server could not find the requested resource")
        .with_details(serde_json::json!({}))
}

async fn serve(
    front: &Arc<Front>,
    user: &UserInfo,
    resource: Arc<Resource>,
    info: &RequestInfo,
    form: &Form,
    parts: Parts,
    body: &mut Option<Incoming>,
) -> ApiResult<Answer> {
    let namespace = if resource.namespaced { info.namespace.as_str() } else { "" };
    let mut call = Call::new(user, resource.clone(), namespace, &info.name);
    call.subresource = &info.subresource;
    if let Some(text) = resource.warning() {
        call.warnings.add(text);
    }
    if front.server.special.is_stream(&resource, &info.subresource) {
        if info.verb == "get" && info.subresource != "log" {
            // A WebSocket comes as a GET, but entering a pod is more than reading it; upstream since 1.35.
            front.server.authorize(&call, "create")?;
        }
        let pod = front.server.get(&call, None).await?;
        return crate::streams::serve(parts, &pod, &info.subresource, &front.server.doors).await;
    }
    let server = &front.server;
    let mut answer = match info.verb.as_str() {
        "get" => {
            let wanted = info.value("resourceVersion").filter(|text| !text.is_empty()).map(revision).transpose()?;
            let object = server.do_get(&call, wanted).await?;
            answer::object(StatusCode::OK, &resource, &object, form)?
        }
        "list" => {
            need(&resource, "list")?;
            let listed = server.do_list(&call, &ListParams::parse(&info.query)?).await?;
            answer::list(&resource, listed, form)?
        }
        "watch" => {
            need(&resource, "watch")?;
            let params = ListParams { watch: true, ..ListParams::parse(&info.query)? };
            let watching = server.watch(&call, &params).await?;
            watching::answer(watching, resource.clone(), form.clone(), front.stop.clone())?
        }
        "create" => {
            call.params = WriteParams::parse(&info.query, agent(&parts), "CreateOptions")?;
            let value = document(&mut call, &parts, body).await?;
            written(&resource, server.do_create(&call, value).await?, form)?
        }
        "update" => {
            call.params = WriteParams::parse(&info.query, agent(&parts), "UpdateOptions")?;
            let value = document(&mut call, &parts, body).await?;
            written(&resource, server.do_update(&call, value).await?, form)?
        }
        "patch" => {
            call.params = WriteParams::parse(&info.query, agent(&parts), "PatchOptions")?;
            let header = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let kind = PatchType::from_content_type(header)?;
            let bytes = body::read(&parts.headers, body).await?;
            let patch = patch_document(&mut call, kind, &bytes)?;
            written(&resource, server.do_patch(&call, kind, &patch).await?, form)?
        }
        "delete" => {
            need(&resource, "delete")?;
            let params = delete_params(info, &parts, body).await?;
            call.params.dry_run = params.dry_run;
            deleted(&resource, server.delete(&call, &params).await?, form)?
        }
        "deletecollection" => {
            need(&resource, "deletecollection")?;
            let params = delete_params(info, &parts, body).await?;
            call.params.dry_run = params.dry_run;
            let list = ListParams { limit: 0, ..ListParams::parse(&info.query)? };
            answer::list(&resource, server.delete_collection(&call, &list, &params).await?, form)?
        }
        _ => return Err(not_allowed()),
    };
    warn(&mut answer, &call);
    Ok(answer)
}

fn need(resource: &Resource, verb: &str) -> ApiResult<()> {
    if resource.allows(verb) { Ok(()) } else { Err(not_allowed()) }
}

fn not_allowed() -> ApiError {
    ApiError::new(Reason::MethodNotAllowed, "the server does not allow this method on the requested resource")
}

fn agent(parts: &Parts) -> &str {
    parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The body of a create or an update.
async fn document(call: &mut Call<'_>, parts: &Parts, body: &mut Option<Incoming>) -> ApiResult<Value> {
    let bytes = body::read(&parts.headers, body).await?;
    let decoded = body::decode(&parts.headers, &bytes, &call.resource.gvk.kind)?;
    if decoded.value.is_null() {
        let kind = &call.resource.gvk.kind;
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: \
             unexpected end of JSON input (<empty>)"
        )));
    }
    call.params.odd = decoded.duplicates;
    if bytes.starts_with(b"{") {
        call.params.text = bytes;
    }
    Ok(decoded.value)
}

fn patch_document(call: &mut Call<'_>, kind: PatchType, bytes: &[u8]) -> ApiResult<Value> {
    let decoded = if kind == PatchType::Apply { codec::yaml::decode(bytes) } else { codec::json::decode(bytes) };
    let decoded = decoded.map_err(|why| match kind {
        PatchType::Apply => ApiError::bad_request(format!("error decoding YAML: {why}")),
        _ => ApiError::bad_request(format!("error decoding patch: {why}")),
    })?;
    let prefix = if kind == PatchType::Json { "json patch " } else { "" };
    call.params.odd = decoded.duplicates.iter().map(|text| format!("{prefix}{text}")).collect();
    Ok(decoded.value)
}

async fn delete_params(info: &RequestInfo, parts: &Parts, body: &mut Option<Incoming>) -> ApiResult<DeleteParams> {
    let bytes = body::read(&parts.headers, body).await?;
    let options =
        if bytes.is_empty() { Value::Null } else { body::decode(&parts.headers, &bytes, "DeleteOptions")?.value };
    DeleteParams::parse(&info.query, &options)
}

fn written(resource: &Resource, written: Written, form: &Form) -> ApiResult<Answer> {
    let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
    answer::object(status, resource, &written.object, form)
}

fn deleted(resource: &Resource, deleted: Deleted, form: &Form) -> ApiResult<Answer> {
    match deleted {
        Deleted::Status(status) => Ok(answer::document(StatusCode::OK, &status, Some(form))),
        Deleted::Object { object, accepted } => {
            let status = if accepted { StatusCode::ACCEPTED } else { StatusCode::OK };
            answer::object(status, resource, &object, form)
        }
    }
}

/// RFC 7234 warnings, code 299, as client-go prints them.
fn warn(answer: &mut Answer, call: &Call<'_>) {
    for text in call.warnings.take() {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            answer.headers_mut().append(WARNING, value);
        }
    }
}
