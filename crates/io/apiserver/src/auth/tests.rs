//! Tokens, impersonation and reviews, against objects that a test puts down.

use super::rbac::follow;
use super::tokens::{Bound, DEFAULT_ISSUER, Grant, Ref, TokenError};
use super::*;
use apimachinery::{ApiError, ApiResult, GroupVersionResource, Object, Value};
use async_trait::async_trait;
use client::{Api, DeleteOptions, ListOptions, ObjectList, PatchKind, Scope, WatchStream, WriteOptions};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

const NOW: i64 = 1_800_000_000;

/// Objects by resource and key; watches never say anything.
#[derive(Default)]
struct Objects(Mutex<HashMap<String, Arc<Object>>>);

impl Objects {
    fn put(&self, of: &str, value: &Value) {
        let object = Object::from_value(value).unwrap();
        self.0.lock().unwrap().insert(format!("{of}/{}", object.key()), Arc::new(object));
    }

    fn remove(&self, key: &str) {
        self.0.lock().unwrap().remove(key).unwrap();
    }
}

#[async_trait]
impl Api for Objects {
    async fn get(&self, of: &GroupVersionResource, namespace: &str, name: &str) -> ApiResult<Arc<Object>> {
        let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let found = self.0.lock().unwrap().get(&format!("{}/{place}{name}", of.resource)).cloned();
        found.ok_or_else(|| ApiError::not_found(of, name))
    }

    async fn list(&self, of: &GroupVersionResource, _: Scope<'_>, _: &ListOptions) -> ApiResult<ObjectList> {
        let prefix = format!("{}/", of.resource);
        let all = self.0.lock().unwrap();
        let items = all.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, object)| object.clone()).collect();
        Ok(ObjectList { items, revision: 1 })
    }

    async fn watch(&self, _: &GroupVersionResource, _: Scope<'_>, _: &ListOptions, _: u64) -> ApiResult<WatchStream> {
        Ok(Box::pin(futures_util::stream::pending()))
    }

    async fn create(
        &self,
        of: &GroupVersionResource,
        _: &str,
        body: Value,
        _: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        self.put(&of.resource, &body);
        Ok(Arc::new(Object::from_value(&body).unwrap()))
    }

    async fn update(
        &self,
        of: &GroupVersionResource,
        namespace: &str,
        _: &str,
        body: Value,
        options: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        self.create(of, namespace, body, options).await
    }

    async fn patch(
        &self,
        _: &GroupVersionResource,
        _: &str,
        _: &str,
        _: PatchKind,
        _: Value,
        _: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        Err(ApiError::bad_request("no patches here"))
    }

    async fn delete(&self, _: &GroupVersionResource, _: &str, _: &str, _: &DeleteOptions) -> ApiResult<()> {
        Err(ApiError::bad_request("no deletes here"))
    }

    async fn discover(&self) -> ApiResult<Vec<client::api::Discovered>> {
        Ok(Vec::new())
    }
}

fn issuer() -> TokenIssuer {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    TokenIssuer::new(&key, DEFAULT_ISSUER, Vec::new()).unwrap()
}

fn world() -> Arc<Objects> {
    let objects = Objects::default();
    let of = |name: &str, uid: &str| json!({"metadata": {"name": name, "namespace": "default", "uid": uid}});
    objects.put("serviceaccounts", &of("ci", "sa1"));
    let mut pod = of("web", "pod1");
    pod["spec"] = json!({"serviceAccountName": "ci", "nodeName": "n1"});
    objects.put("pods", &pod);
    objects.put("nodes", &json!({"metadata": {"name": "n1", "uid": "node1"}}));
    Arc::new(objects)
}

fn grant(seconds: i64) -> Grant {
    let reference = |name: &str, uid: &str| Ref { name: name.to_owned(), uid: uid.to_owned() };
    let bound = Bound {
        namespace: "default".to_owned(),
        serviceaccount: reference("ci", "sa1"),
        pod: Some(reference("web", "pod1")),
        node: Some(reference("n1", "node1")),
        ..Bound::default()
    };
    Grant { bound, audiences: Vec::new(), seconds }
}

#[test]
fn tokens_come_back_until_they_expire() {
    let tokens = issuer();
    let issued = tokens.issue(grant(600), NOW).unwrap();
    assert_eq!(issued.audiences, [DEFAULT_ISSUER]);
    let claims = tokens.verify(&issued.token, &[], NOW + 599).unwrap();
    assert_eq!(claims.sub, "system:serviceaccount:default:ci");
    assert_eq!(claims.bound, grant(600).bound);
    assert_eq!(tokens.verify(&issued.token, &[], NOW + 661), Err(TokenError::Expired));
    assert_eq!(tokens.verify(&issued.token, &[], NOW - 61), Err(TokenError::NotYet));
    let vault = ["vault".to_owned()];
    assert!(matches!(tokens.verify(&issued.token, &vault, NOW), Err(TokenError::Audience { .. })));
}

#[test]
fn forged_and_foreign_tokens_are_refused() {
    let tokens = issuer();
    let token = issuer().issue(grant(600), NOW).unwrap().token;
    assert_eq!(tokens.verify(&token, &[], NOW), Err(TokenError::Malformed));
    let own = tokens.issue(grant(600), NOW).unwrap().token;
    for at in 0..own.len() {
        let mut forged = own.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        // The last character of the signature holds bits that mean nothing.
        if at + 1 < own.len() {
            let verdict = tokens.verify(&String::from_utf8(forged).unwrap(), &[], NOW);
            assert_eq!(verdict, Err(TokenError::Malformed), "at {at}");
        }
    }
    let unsigned = "eyJhbGciOiJub25lIn0.e30.";
    assert_eq!(tokens.verify(unsigned, &[], NOW), Err(TokenError::Malformed));
}

#[test]
fn what_kubelets_ask_for_lives_a_year_and_warns() {
    let tokens = issuer();
    let issued = tokens.issue(grant(3607), NOW).unwrap();
    assert_eq!(issued.expires, NOW + 3607);
    let claims = tokens.verify(&issued.token, &[], NOW + 300 * 24 * 3600).unwrap();
    assert_eq!(claims.bound.warnafter, Some(NOW + 3607));
}

#[test]
fn the_documents_of_discovery_fit_the_tokens() {
    let tokens = issuer();
    let token = tokens.issue(grant(600), NOW).unwrap().token;
    let header = jsonwebtoken::decode_header(&token).unwrap();
    let keys = tokens.jwks();
    assert_eq!(header.kid.as_deref(), keys["keys"][0]["kid"].as_str());
    let key: jsonwebtoken::jwk::Jwk = serde_json::from_value(keys["keys"][0].clone()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&[DEFAULT_ISSUER]);
    validation.validate_exp = false;
    let decoding = jsonwebtoken::DecodingKey::from_jwk(&key).unwrap();
    jsonwebtoken::decode::<Value>(&token, &decoding, &validation).unwrap();
    let document = tokens.openid_configuration("https://h:6443");
    assert_eq!(
        (&document["issuer"], &document["jwks_uri"]),
        (&json!(DEFAULT_ISSUER), &json!("https://h:6443/openid/v1/jwks"))
    );
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

#[tokio::test]
async fn a_token_is_as_good_as_what_it_is_bound_to() {
    let (tokens, objects) = (Arc::new(issuer()), world());
    let token = tokens.issue(grant(600), authenticator::unix_now()).unwrap().token;
    let authenticator = Authenticator::new(tokens, objects.clone());
    let user =
        authenticator.authenticate(None, &headers(&[("authorization", &format!("Bearer {token}"))])).await.unwrap();
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("system:serviceaccount:default:ci", "sa1"));
    let groups = ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"];
    assert_eq!(user.groups, groups);
    assert_eq!(user.extra["authentication.kubernetes.io/pod-name"], ["web"]);
    assert_eq!(user.extra["authentication.kubernetes.io/node-uid"], ["node1"]);
    // TokenReview always looks: the pod is another one now.
    objects.put("pods", &json!({"metadata": {"name": "web", "namespace": "default", "uid": "pod2"}}));
    assert_eq!(authenticator.review_token(&token, &[]).await, Err(TokenError::Invalidated));
    objects.remove("serviceaccounts/default/ci");
    assert_eq!(authenticator.review_token(&token, &[]).await, Err(TokenError::Invalidated));
}

#[tokio::test]
async fn bad_credentials_are_never_anonymous() {
    let authenticator = Authenticator::new(Arc::new(issuer()), world());
    let error = authenticator.authenticate(None, &headers(&[("authorization", "Bearer x.y.z")])).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (401, "Unauthorized"));
    let user = authenticator.authenticate(None, &HeaderMap::new()).await.unwrap();
    assert_eq!((user.name.as_str(), user.groups.concat()), ("system:anonymous", "system:unauthenticated".to_owned()));
    let known = Authenticator::new(Arc::new(issuer()), world())
        .with_static_tokens([("s3cret".to_owned(), UserInfo::authenticated("boot", Vec::new()))]);
    let user = known.authenticate(None, &headers(&[("authorization", "bearer s3cret")])).await.unwrap();
    assert_eq!(user.name, "boot");
}

#[test]
fn certificates_name_users_and_groups() {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::OrganizationName, "system:masters");
    params.distinguished_name.push(rcgen::DnType::CommonName, "jane");
    let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    let user = Authenticator::certificate_user(certificate.der()).unwrap();
    assert_eq!(
        (user.name.as_str(), user.groups.as_slice()),
        ("jane", &["system:masters".to_owned(), "system:authenticated".to_owned()][..])
    );
    assert_eq!(Authenticator::certificate_user(b"no certificate"), None);
}

#[tokio::test]
async fn token_requests() {
    let (tokens, objects) = (issuer(), world());
    let account = objects.get(&client::resources::SERVICE_ACCOUNTS, "default", "ci").await.unwrap();
    let ask = |spec: Value| token_request::answer(&tokens, &*objects, &account, json!({"spec": spec}), NOW);
    let answer = ask(json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "pod1"}}))
        .await
        .unwrap();
    assert_eq!(answer["status"]["expirationTimestamp"], "2027-01-15T09:00:00Z");
    assert_eq!(answer["spec"]["expirationSeconds"], 3600);
    let claims = tokens.verify(answer["status"]["token"].as_str().unwrap(), &[], NOW).unwrap();
    assert_eq!(claims.bound.node, Some(Ref { name: "n1".to_owned(), uid: "node1".to_owned() }));
    let refused = |answer: ApiResult<Value>| answer.unwrap_err().message().to_owned();
    assert_eq!(
        refused(ask(json!({"expirationSeconds": 10})).await),
        "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 10: \
         may not specify a duration less than 10 minutes"
    );
    let other = json!({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "pod9"}});
    assert_eq!(ask(other).await.unwrap_err().code(), 409);
    let odd = json!({"boundObjectRef": {"kind": "Deployment", "apiVersion": "apps/v1", "name": "web"}});
    assert_eq!(refused(ask(odd).await), "cannot bind token to object of type apps/v1, Kind=Deployment");
}

#[tokio::test]
async fn the_index_follows_lists_and_fills_aggregated_roles() {
    let (objects, authorizer) = (Arc::new(Objects::default()), Arc::new(Authorizer::new()));
    bootstrap::reconcile(&*objects).await.unwrap();
    objects.put(
        "rolebindings",
        &json!({
            "metadata": {"name": "b", "namespace": "default"},
            "roleRef": {"kind": "ClusterRole", "name": "system:discovery"},
            "subjects": [{"kind": "User", "name": "jane"}],
        }),
    );
    let stop = CancellationToken::new();
    let following = tokio::spawn(follow::run(authorizer.clone(), objects.clone(), stop.clone()));
    authorizer.synced().await;
    let anonymous = UserInfo::anonymous();
    assert!(authorizer.allows(&Attributes { user: &anonymous, verb: "get", target: Target::Path("/version") }));
    // The view role was written without rules; the aggregation writes them.
    let filled = async {
        loop {
            let view = objects.get(&follow::CLUSTER_ROLES, "", "view").await.unwrap().to_value();
            if view["rules"].as_array().is_some_and(|rules| rules.len() > 5) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), filled).await.unwrap();
    stop.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_an_older_version_takes_the_role_from_its_nodes() {
    let objects = Objects::default();
    bootstrap::reconcile(&objects).await.unwrap();
    let subjects = |names: &[(&str, &str)]| -> Value {
        names.iter().map(|(kind, name)| json!({"kind": kind, "name": name})).collect()
    };
    let mut old = objects.get(&follow::CLUSTER_ROLE_BINDINGS, "", "system:node").await.unwrap().to_value();
    old["subjects"] = subjects(&[("Group", "system:nodes"), ("User", "somebody")]);
    objects.put("clusterrolebindings", &old);
    bootstrap::reconcile(&objects).await.unwrap();
    let now = objects.get(&follow::CLUSTER_ROLE_BINDINGS, "", "system:node").await.unwrap().to_value();
    assert_eq!(now["subjects"], subjects(&[("User", "somebody")]), "what the user put in stays");
}

#[tokio::test]
async fn impersonation_needs_a_rule_and_keeps_upstreams_groups() {
    let (objects, authorizer) = (Arc::new(Objects::default()), Arc::new(Authorizer::new()));
    objects.put(
        "clusterroles",
        &json!({"metadata": {"name": "imp"}, "rules": [
            {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users", "groups", "serviceaccounts"]},
            {"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"], "resources": ["userextras/scopes"]},
        ]}),
    );
    objects.put(
        "clusterrolebindings",
        &json!({
            "metadata": {"name": "imp"}, "roleRef": {"kind": "ClusterRole", "name": "imp"},
            "subjects": [{"kind": "User", "name": "op"}],
        }),
    );
    let stop = CancellationToken::new();
    tokio::spawn(follow::run(authorizer.clone(), objects, stop.clone()));
    authorizer.synced().await;
    let user = |name: &str| Arc::new(UserInfo::authenticated(name, Vec::new()));
    let apply = |name: &str, pairs: &[(&str, &str)]| impersonation::apply(&authorizer, user(name), &headers(pairs));
    assert_eq!(apply("op", &[]).unwrap().name, "op");
    let jane = apply(
        "op",
        &[("impersonate-user", "jane"), ("impersonate-group", "dev"), ("impersonate-extra-scopes", "view")],
    )
    .unwrap();
    assert_eq!((jane.name.as_str(), jane.groups.join(",")), ("jane", "dev,system:authenticated".to_owned()));
    assert_eq!(jane.extra["scopes"], ["view"]);
    let account = apply("op", &[("impersonate-user", "system:serviceaccount:default:ci")]).unwrap();
    assert!(account.is_in("system:serviceaccounts:default"));
    let error = apply("mallory", &[("impersonate-user", "jane")]).unwrap_err();
    assert_eq!(
        error.message(),
        "users \"jane\" is forbidden: User \"mallory\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
    );
    let error = apply("op", &[("impersonate-user", "jane"), ("impersonate-uid", "7")]).unwrap_err();
    assert_eq!(error.code(), 403);
    assert_eq!(apply("op", &[("impersonate-group", "dev")]).unwrap_err().code(), 500);

    let review = json!({"spec": {"resourceAttributes": {"verb": "impersonate", "resource": "users"}}});
    let answer = reviews::self_subject_access(&authorizer, &user("op"), review.clone()).unwrap();
    assert_eq!(answer["status"]["allowed"], true);
    assert_eq!(
        reviews::self_subject_access(&authorizer, &user("x"), review).unwrap()["status"],
        json!({"allowed": false})
    );
    let rules =
        reviews::self_subject_rules(&authorizer, &user("op"), json!({"spec": {"namespace": "default"}})).unwrap();
    assert_eq!(rules["status"]["resourceRules"].as_array().unwrap().len(), 2);
    assert_eq!(reviews::self_subject(&user("op"), json!({}))["status"]["userInfo"]["username"], "op");
    stop.cancel();
}
