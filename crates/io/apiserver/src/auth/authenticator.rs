//! Who sends this request: bearer token, client certificate, or nobody.
//!
//! Upstream: `pkg/kubeapiserver/authenticator/config.go`, `pkg/serviceaccount/claims.go` (the checks against live
//! objects).
//!
//! Invariants
//! - A bearer token that is shown and not accepted is 401, never anonymous.
//! - A verified token is believed for [`FRESH`] without looking again, as upstream does.

use super::bootstrap_token::{bootstrap_user, halves};
use super::certificate;
use super::tokens::{Bound, Claims, Ref, TokenError, TokenIssuer};
use super::user::UserInfo;
use crate::cache::Shelf;
use crate::streams::upgrade::websocket_bearer;
use apimachinery::{ApiError, ApiResult, GroupVersionResource, Head, Reason};
use aws_lc_rs::digest::{SHA256, digest};
use client::Api;
use client::resources::{NODES, PODS, SECRETS, SERVICE_ACCOUNTS};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a verified token is believed. Upstream: `--authentication-token-webhook-cache-ttl` and the token cache, 10 s.
const FRESH: Duration = Duration::from_secs(10);
/// Tokens remembered at most; beyond it the stale ones go, then all. About 200 bytes each.
const REMEMBERED: usize = 1024;
/// Longer bearer tokens are refused unread: ours are about 1 KB.
const LONGEST: usize = 16 * 1024;

/// A token's owner and the audiences for which it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub user: Arc<UserInfo>,
    pub audiences: Vec<String>,
}

/// Seconds for which tokens outlive the deletion time of what they are bound to. Upstream: the leeway of the same check.
const AFTERLIFE: i64 = 60;

pub struct Authenticator {
    tokens: Arc<TokenIssuer>,
    objects: Arc<dyn Api>,
    static_tokens: HashMap<String, Arc<UserInfo>>,
    anonymous: Arc<UserInfo>,
    /// All Secrets, for bootstrap tokens.
    secrets: Option<Arc<Shelf>>,
    known: Mutex<HashMap<[u8; 32], Known>>,
}

struct Known {
    user: Arc<UserInfo>,
    since: Instant,
    /// Seconds since 1970.
    expires: i64,
}

impl Authenticator {
    /// `objects` is asked whether service accounts, pods, secrets and nodes behind tokens still live.
    pub fn new(tokens: Arc<TokenIssuer>, objects: Arc<dyn Api>) -> Self {
        Self {
            tokens,
            objects,
            static_tokens: HashMap::new(),
            anonymous: Arc::new(UserInfo::anonymous()),
            secrets: None,
            known: Mutex::default(),
        }
    }

    /// Adds fixed bearer tokens (bootstrap).
    #[must_use]
    pub fn with_static_tokens(mut self, tokens: impl IntoIterator<Item = (String, UserInfo)>) -> Self {
        self.static_tokens.extend(tokens.into_iter().map(|(token, user)| (token, Arc::new(user))));
        self
    }

    /// Also takes the bootstrap tokens among these Secrets: the shelf of `/registry/core/secrets/`. It is looked at each
    /// time, so that a deleted token is good for nothing at once; the store is never asked for one.
    #[must_use]
    pub fn with_bootstrap_tokens(mut self, secrets: Arc<Shelf>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    pub fn tokens(&self) -> &Arc<TokenIssuer> {
        &self.tokens
    }

    /// The user of a TLS connection whose client certificate rustls verified. Ask once per connection.
    pub fn certificate_user(der: &[u8]) -> Option<Arc<UserInfo>> {
        certificate::user(der).map(Arc::new)
    }

    /// The user of one request. `certificate` is the connection's user, if it showed a certificate.
    ///
    /// # Errors
    /// 401 `Unauthorized`, without saying why, as upstream.
    pub async fn authenticate(
        &self,
        certificate: Option<&Arc<UserInfo>>,
        headers: &HeaderMap,
    ) -> ApiResult<Arc<UserInfo>> {
        if let Some(user) = certificate {
            return Ok(Arc::clone(user));
        }
        let Some(token) = bearer(headers) else { return Ok(Arc::clone(&self.anonymous)) };
        self.authenticate_token(&token).await.map_err(|error| {
            tracing::debug!(%error, "refused a bearer token");
            unauthorized()
        })
    }

    /// The owner of a bearer token made for this API server.
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub async fn authenticate_token(&self, token: &str) -> Result<Arc<UserInfo>, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        if let Some(user) = self.static_tokens.get(token) {
            return Ok(Arc::clone(user));
        }
        if let (Some(secrets), Some(halves)) = (&self.secrets, halves(token)) {
            return bootstrap_user(secrets, halves);
        }
        let hash = hash(token);
        if let Some(user) = self.remembered(&hash) {
            return Ok(user);
        }
        let claims = self.tokens.verify(token, &[], unix_now())?;
        let user = Arc::new(self.live_user(&claims).await?);
        self.remember(hash, &user, claims.exp);
        Ok(user)
    }

    /// For TokenReview: the owner, if the token is for one of `audiences` (empty takes the API server's own).
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub async fn review_token(&self, token: &str, audiences: &[String]) -> Result<Verified, TokenError> {
        let wanted = if audiences.is_empty() { self.tokens.audiences() } else { audiences };
        if let Some(user) = self.static_tokens.get(token) {
            return Ok(Verified { user: Arc::clone(user), audiences: wanted.to_vec() });
        }
        if let (Some(secrets), Some(halves)) = (&self.secrets, halves(token)) {
            return bootstrap_user(secrets, halves).map(|user| Verified { user, audiences: wanted.to_vec() });
        }
        let claims = self.tokens.verify(token, wanted, unix_now())?;
        let user = Arc::new(self.live_user(&claims).await?);
        let audiences = wanted.iter().filter(|wanted| claims.aud.contains(wanted)).cloned().collect();
        Ok(Verified { user, audiences })
    }

    async fn live_user(&self, claims: &Claims) -> Result<UserInfo, TokenError> {
        let Bound { namespace, node, pod, secret, serviceaccount, .. } = &claims.bound;
        self.check_live(&SERVICE_ACCOUNTS, namespace, serviceaccount).await?;
        if let Some(secret) = secret {
            self.check_live(&SECRETS, namespace, secret).await?;
        }
        if let Some(pod) = pod {
            self.check_live(&PODS, namespace, pod).await?;
        } else if let Some(node) = node {
            // Beside a pod the node is only told, not bound to.
            self.check_live(&NODES, "", node).await?;
        }
        Ok(with_extra(UserInfo::service_account(namespace, &serviceaccount.name, &serviceaccount.uid), claims))
    }

    async fn check_live(&self, of: &GroupVersionResource, namespace: &str, wanted: &Ref) -> Result<(), TokenError> {
        let object = self.objects.get(of, namespace, &wanted.name).await.map_err(|_| TokenError::Invalidated)?;
        let lives = object.head.uid == wanted.uid && !is_long_gone(&object.head, unix_now());
        if lives { Ok(()) } else { Err(TokenError::Invalidated) }
    }

    fn remembered(&self, hash: &[u8; 32]) -> Option<Arc<UserInfo>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(hash)?;
        (entry.since.elapsed() < FRESH && unix_now() < entry.expires).then(|| Arc::clone(&entry.user))
    }

    fn remember(&self, hash: [u8; 32], user: &Arc<UserInfo>, expires: i64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, entry| entry.since.elapsed() < FRESH);
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(hash, Known { user: Arc::clone(user), since: Instant::now(), expires });
    }
}

/// Whether the time of the object's deletion is over by more than [`AFTERLIFE`].
fn is_long_gone(head: &Head, now: i64) -> bool {
    let end = head.deletion_timestamp.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    end.is_some_and(|end| end.as_second() + AFTERLIFE < now)
}

/// `Unauthorized`, 401.
pub fn unauthorized() -> ApiError {
    ApiError::new(Reason::Unauthorized, "Unauthorized")
}

/// Seconds since 1970.
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// `Authorization: Bearer x`. WebSocket clients that cannot set headers send it as a sub-protocol.
fn bearer(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let Some(value) = headers.get(AUTHORIZATION) else { return websocket_bearer(headers).map(Cow::Owned) };
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(Cow::Borrowed(token))
}

fn with_extra(mut user: UserInfo, claims: &Claims) -> UserInfo {
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            user.extra.insert(format!("authentication.kubernetes.io/{name}"), vec![value.to_owned()]);
        }
    };
    if !claims.jti.is_empty() {
        put("credential-id", &format!("JTI={}", claims.jti));
    }
    for (kind, reference) in [("pod", &claims.bound.pod), ("node", &claims.bound.node)] {
        if let Some(reference) = reference {
            put(&format!("{kind}-name"), &reference.name);
            put(&format!("{kind}-uid"), &reference.uid);
        }
    }
    user
}

fn hash(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    out
}
