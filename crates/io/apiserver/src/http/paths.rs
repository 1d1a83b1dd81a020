//! Paths that are no resources: discovery, OpenAPI, version, health, metrics, the keys of tokens.

use super::answer::{self, Answer};
use super::forms::{Packing, WORTH_PACKING};
use super::requests::no_such_path;
use super::{Front, RequestInfo};
use crate::openapi::{self, Document, Which};
use crate::{discovery, version};
use apimachinery::codec::negotiate::{Encoding, Shape, accepted};
use apimachinery::{ApiResult, Value};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HOST, HeaderValue, IF_NONE_MATCH,
    LOCATION, VARY,
};
use http::request::Parts;
use http::{Response, StatusCode};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use telemetry::exposition::{self, Exposition, Kind};
use telemetry::health::Verdict;
use telemetry::process;

/// # Errors
/// 404 for paths there are none of.
pub(super) async fn answer(front: &Front, info: &RequestInfo, parts: &Parts) -> ApiResult<Answer> {
    let trimmed = info.path.trim_matches('/');
    let steps: Vec<&str> = trimmed.split('/').collect();
    match steps.as_slice() {
        [""] => Ok(answer::json(StatusCode::OK, &root(front))),
        ["api"] => Ok(discover(front, parts, true)),
        ["apis"] => Ok(discover(front, parts, false)),
        ["api", version] => resources(front, "", version),
        ["apis", group] => {
            let table = front.server.registry.table();
            discovery::group(&table, group).map(|doc| answer::json(StatusCode::OK, &doc)).ok_or_else(no_such_path)
        }
        ["apis", group, version] => resources(front, group, version),
        ["version"] => Ok(answer::json(StatusCode::OK, &version::document())),
        ["healthz" | "livez" | "readyz", rest @ ..] => health(front, info, steps[0], rest),
        ["openapi", "v2"] => openapi_v2(front, parts).await,
        ["openapi", "v3"] => Ok(answer::json(StatusCode::OK, &openapi::index(&front.server.registry.table()))),
        ["openapi", "v3", "api", version] => openapi_v3(front, info, parts, "", version).await,
        ["openapi", "v3", "apis", group, version] => openapi_v3(front, info, parts, group, version).await,
        ["metrics"] => {
            let mut answer = answer::text(StatusCode::OK, front.metrics.text(now(front)));
            let media_type = HeaderValue::from_static(exposition::MEDIA_TYPE);
            answer.headers_mut().insert(CONTENT_TYPE, media_type);
            Ok(answer)
        }
        [".well-known", "openid-configuration"] => {
            let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let server = if host.is_empty() { front.server.advertise.to_string() } else { host.to_owned() };
            let document = front.server.tokens.openid_configuration(&format!("https://{server}"));
            Ok(answer::json(StatusCode::OK, &document))
        }
        ["openid", "v1", "jwks"] => {
            let mut answer = answer::json(StatusCode::OK, &front.server.tokens.jwks());
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
            Ok(answer)
        }
        _ => Err(no_such_path()),
    }
}

async fn openapi_v2(front: &Front, parts: &Parts) -> ApiResult<Answer> {
    let header = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protobuf = schema::openapi::V2_PROTOBUF_ACCEPTED.iter().any(|known| header.contains(known));
    let (which, media_type) =
        if protobuf { (Which::V2Protobuf, schema::openapi::V2_PROTOBUF_TYPE) } else { (Which::V2, "application/json") };
    let document = front.server.documents.get(&front.server.registry.table(), which).await?;
    let document = document.ok_or_else(no_such_path)?;
    Ok(document_answer(parts, &document, media_type))
}

async fn openapi_v3(front: &Front, info: &RequestInfo, parts: &Parts, group: &str, version: &str) -> ApiResult<Answer> {
    let which = Which::V3 { group: group.to_owned(), version: version.to_owned() };
    let document = front.server.documents.get(&front.server.registry.table(), which).await?;
    let document = document.ok_or_else(no_such_path)?;
    let asked = info.value("hash");
    let mut answer = match asked.filter(|hash| !hash.is_empty() && *hash != document.hash) {
        Some(_) => {
            let mut answer = answer::text(StatusCode::MOVED_PERMANENTLY, "");
            let target = format!("{}?hash={}", info.path, document.hash);
            if let Ok(target) = HeaderValue::from_str(&target) {
                answer.headers_mut().insert(LOCATION, target);
            }
            return Ok(answer);
        }
        None => document_answer(parts, &document, "application/json"),
    };
    if asked.is_some() {
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable, max-age=31536000"));
    }
    Ok(answer)
}

/// A kept document, unpacked for clients that do not take gzip; 304 for those that have it.
fn document_answer(parts: &Parts, document: &Document, media_type: &'static str) -> Answer {
    let tag = format!("\"{}\"", document.hash);
    let known = parts.headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut answer = if known {
        answer::bytes(StatusCode::NOT_MODIFIED, media_type, Bytes::new())
    } else if packing(parts) == Packing::Gzip {
        let mut answer = answer::bytes(StatusCode::OK, media_type, document.gzipped.clone());
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answer
    } else {
        let mut plain = Vec::with_capacity(document.gzipped.len() * 8);
        // What we packed ourselves unpacks.
        _ = GzDecoder::new(&document.gzipped[..]).read_to_end(&mut plain);
        answer::bytes(StatusCode::OK, media_type, plain)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept-Encoding, Accept"));
    answer
}

fn resources(front: &Front, group: &str, version: &str) -> ApiResult<Answer> {
    let table = front.server.registry.table();
    let document = discovery::resource_list(&table, group, version).ok_or_else(no_such_path)?;
    Ok(answer::json(StatusCode::OK, &document))
}

fn discover(front: &Front, parts: &Parts, core: bool) -> Answer {
    let table = front.server.registry.table();
    let header = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted = accepted(header).into_iter().find_map(|form| match form.shape {
        Shape::ApiGroupDiscoveryList(version) if form.encoding == Encoding::Json => Some(Some(version)),
        Shape::Object if form.encoding == Encoding::Json => Some(None),
        _ => None,
    });
    let media_type = match wanted.flatten().as_deref() {
        Some("v2") => Some(("v2", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")),
        Some("v2beta1") => {
            Some(("v2beta1", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"))
        }
        _ => None,
    };
    let mut answer = match media_type {
        Some((version, media_type)) => {
            let document = discovery::aggregated(&table, core, version);
            tagged(parts, &apimachinery::object::encode(&document), media_type)
        }
        None if core => answer::json(StatusCode::OK, &discovery::api_versions(front.server.advertise)),
        None => answer::json(StatusCode::OK, &discovery::group_list(&table)),
    };
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

/// A document with its hash as ETag; 304 where the client has it already.
pub(super) fn tagged(parts: &Parts, body: &[u8], media_type: &'static str) -> Answer {
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02X}")).collect();
    let tag = format!("\"{hash}\"");
    let known = parts.headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut answer = if known {
        let mut answer = Response::new(super::body::full(Bytes::new()));
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        let form = packing(parts);
        answer::packed_bytes(media_type, body, form == Packing::Gzip && body.len() > WORTH_PACKING)
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}

fn packing(parts: &Parts) -> Packing {
    let header = parts.headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header.contains("gzip") { Packing::Gzip } else { Packing::None }
}

/// What is counted when somebody asks.
fn now(front: &Front) -> Exposition {
    let mut text = Exposition::default();
    let running = front.limits.running();
    let help = "Number of requests that run now, by kind.";
    let mut requests = text.family("apiserver_current_inflight_requests", Kind::Gauge, help);
    for (kind, count) in running {
        requests.add(&[("request_kind", kind)], count as f64, None);
    }
    let table = front.server.registry.table();
    let objects: BTreeMap<(&str, &str), usize> = table
        .all()
        .filter(|resource| resource.is_stored_version() && resource.is_stored())
        .map(|resource| {
            let label = (&*resource.gvr.group, &*resource.gvr.resource);
            (label, front.server.cache.shelf(&resource.place).len())
        })
        .collect();
    let help = "Number of stored objects, by resource.";
    let mut stored = text.family("apiserver_storage_objects", Kind::Gauge, help);
    for ((group, resource), count) in objects {
        stored.add(&[("group", group), ("resource", resource)], count as f64, None);
    }
    process::describe(&mut text);
    text
}

/// `/`: the paths there are.
fn root(front: &Front) -> Value {
    let table = front.server.registry.table();
    let mut paths: Vec<String> =
        ["/.well-known/openid-configuration", "/api", "/api/v1", "/apis"].map(String::from).into();
    for group in table.groups().filter(|group| !group.is_empty()) {
        paths.push(format!("/apis/{group}"));
        paths.extend(table.versions(group).iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.extend(
        ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz", "/version"]
            .map(String::from),
    );
    serde_json::json!({"paths": paths})
}

/// Upstream: `server/healthz/healthz.go`. Liveness does not look at the parts: they mend themselves.
fn health(front: &Front, info: &RequestInfo, endpoint: &str, rest: &[&str]) -> ApiResult<Answer> {
    let mut checks: Vec<(String, Option<String>)> = vec![("ping".to_owned(), None)];
    if endpoint == "readyz" {
        checks.extend(front.server.health.verdicts().into_iter().map(|(name, verdict)| {
            let wrong = match verdict {
                Verdict::Well => None,
                Verdict::Starting => Some("starting".to_owned()),
                Verdict::Ill { cause, cure } => Some(format!("{cause}: {cure}")),
            };
            (name.to_owned(), wrong)
        }));
    }
    if !rest.is_empty() {
        let name = rest.join("/");
        checks.retain(|(known, _)| *known == name);
        if checks.is_empty() {
            return Err(no_such_path());
        }
    }
    let excluded: Vec<&str> =
        info.query.iter().filter(|(key, _)| key == "exclude").map(|(_, value)| value.as_str()).collect();
    checks.retain(|(name, _)| !excluded.contains(&name.as_str()));
    let failed = checks.iter().any(|(_, wrong)| wrong.is_some());
    let verbose = info.value("verbose").is_some();
    if !failed && !verbose {
        return Ok(answer::text(StatusCode::OK, "ok"));
    }
    let mut lines: Vec<String> = checks
        .iter()
        .map(|(name, wrong)| match wrong {
            None => format!("[+]{name} ok"),
            Some(why) => format!("[-]{name} failed: {why}"),
        })
        .collect();
    let verdict = if failed { "failed" } else { "passed" };
    lines.push(format!("{endpoint} check {verdict}\n"));
    let status = if failed { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    Ok(answer::text(status, lines.join("\n")))
}
