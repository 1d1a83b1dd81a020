//! `serviceaccounts/token`: a token for whoever may ask for it.
//!
//! Upstream: `pkg/registry/core/serviceaccount/storage/token.go`, `pkg/apis/authentication/validation`.

use super::tokens::{Bound, Grant, Ref, TokenIssuer};
use apimachinery::{ApiError, ApiResult, GroupVersionKind, GroupVersionResource, Object, Problems, Value};
use client::Api;
use client::resources::{NODES, PODS, SECRETS};
use serde::Deserialize;

const KIND: GroupVersionKind = GroupVersionKind::of("authentication.k8s.io", "v1", "TokenRequest");
/// Seconds. Upstream: `minTokenAgeSec`.
const SHORTEST: i64 = 10 * 60;
/// Seconds. Upstream: `1 << 32`.
const LONGEST: i64 = 1 << 32;
/// Seconds, where the request says nothing. Upstream's default of `expirationSeconds`.
const DEFAULT: i64 = 3600;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    audiences: Option<Vec<String>>,
    expiration_seconds: Option<i64>,
    bound_object_ref: Option<BoundRef>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BoundRef {
    kind: String,
    api_version: String,
    name: String,
    uid: String,
}

/// Answers a TokenRequest for `account`; returns the document with its `status`. `now` is seconds since 1970.
///
/// # Errors
/// 422 for a bad lifetime, 400 and 409 for an object the token cannot be bound to, 404 if that does not exist.
pub async fn answer(
    tokens: &TokenIssuer,
    objects: &dyn Api,
    account: &Object,
    mut request: Value,
    now: i64,
) -> ApiResult<Value> {
    let spec: Request = Option::deserialize(&request["spec"])
        .map_err(|error| ApiError::bad_request(error.to_string()))?
        .unwrap_or_default();
    let seconds = spec.expiration_seconds.unwrap_or(DEFAULT);
    check_lifetime(seconds)?;
    let head = &account.head;
    let mut bound = Bound {
        namespace: head.namespace.clone(),
        serviceaccount: Ref { name: head.name.clone(), uid: head.uid.clone() },
        ..Bound::default()
    };
    if let Some(reference) = &spec.bound_object_ref {
        bind(&mut bound, objects, reference).await?;
    }
    let grant = Grant { bound, audiences: spec.audiences.unwrap_or_default(), seconds };
    let issued = tokens.issue(grant, now).map_err(ApiError::internal)?;
    let expires = jiff::Timestamp::from_second(issued.expires).map_err(ApiError::internal)?;
    if !request["spec"].is_object() {
        request["spec"] = serde_json::json!({});
    }
    request["spec"]["audiences"] = issued.audiences.into();
    request["spec"]["expirationSeconds"] = seconds.into();
    request["metadata"]["name"] = head.name.clone().into();
    request["metadata"]["namespace"] = head.namespace.clone().into();
    request["status"] = serde_json::json!({"token": issued.token, "expirationTimestamp": expires.to_string()});
    Ok(request)
}

fn check_lifetime(seconds: i64) -> ApiResult<()> {
    let mut problems = Problems::default();
    if seconds < SHORTEST {
        problems.invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes");
    }
    if seconds > LONGEST {
        problems.invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds");
    }
    if problems.is_empty() { Ok(()) } else { Err(ApiError::invalid(&KIND, "", problems.list())) }
}

async fn bind(bound: &mut Bound, objects: &dyn Api, wanted: &BoundRef) -> ApiResult<()> {
    let namespace = bound.namespace.clone();
    match (wanted.api_version.as_str(), wanted.kind.as_str()) {
        ("v1", "Pod") => {
            let pod = objects.get(&PODS, &namespace, &wanted.name).await?;
            let (account, node) = account_and_node(&pod)?;
            if account != bound.serviceaccount.name {
                return Err(ApiError::bad_request(format!(
                    "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                    bound.serviceaccount.name
                )));
            }
            bound.pod = Some(same(&pod, wanted, &PODS)?);
            if !node.is_empty() {
                // The node is told for the reader's sake; it may be gone already.
                let uid = objects.get(&NODES, "", &node).await.map(|node| node.head.uid.clone()).unwrap_or_default();
                bound.node = Some(Ref { name: node, uid });
            }
        }
        ("v1", "Secret") => {
            let secret = objects.get(&SECRETS, &namespace, &wanted.name).await?;
            bound.secret = Some(same(&secret, wanted, &SECRETS)?);
        }
        ("v1", "Node") => {
            let node = objects.get(&NODES, "", &wanted.name).await?;
            bound.node = Some(same(&node, wanted, &NODES)?);
        }
        (version, kind) => {
            return Err(ApiError::bad_request(format!("cannot bind token to object of type {version}, Kind={kind}")));
        }
    }
    Ok(())
}

fn account_and_node(pod: &Object) -> ApiResult<(String, String)> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Spec {
        service_account_name: String,
        node_name: String,
    }
    #[derive(Deserialize)]
    struct Pod {
        #[serde(default)]
        spec: Spec,
    }
    let spec = pod.decode::<Pod>().map_err(ApiError::internal)?.spec;
    Ok((spec.service_account_name, spec.node_name))
}

/// The object, if it is the very one that was meant.
fn same(object: &Object, wanted: &BoundRef, resource: &GroupVersionResource) -> ApiResult<Ref> {
    if !wanted.uid.is_empty() && wanted.uid != object.head.uid {
        let why = format!(
            "the UID in the bound object reference ({}) does not match the UID in record. \
             The object might have been deleted and then recreated",
            wanted.uid
        );
        return Err(ApiError::conflict(resource, &wanted.name, &why));
    }
    Ok(Ref { name: object.head.name.clone(), uid: object.head.uid.clone() })
}
