//! `projected`: several sources in one folder; service account tokens are renewed at 80 % of their life.
//!
//! Upstream: `pkg/volume/projected/projected.go`, `pkg/kubelet/token/token_manager.go`.

use super::atomic_writer::{File, Payload};
use super::{Kind, Place, Ready, payload};
use crate::container::env;
use async_trait::async_trait;
use client::{WriteOptions, resources};
use k8s_openapi::api::core::v1::{Pod, ServiceAccountTokenProjection, Volume, VolumeProjection};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use stdx::Timestamp;

/// Upstream's default of `expirationSeconds`.
const DEFAULT_SECONDS: i64 = 3600;
/// Upstream: `maxTTL`. However long it would live, an older token is renewed.
const OLDEST: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

pub(super) struct Projected;

/// Tokens in use, so that other changes of a volume ask for no new ones. As many as mounted token files.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<TokenKey, Token>>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct TokenKey {
    pod_uid: String,
    account: String,
    audience: String,
    seconds: i64,
}

#[derive(Clone)]
struct Token {
    text: String,
    refresh_at: Timestamp,
}

impl Tokens {
    pub fn forget(&self, pod_uid: &str) {
        self.lock().retain(|key, _| key.pod_uid != pod_uid);
    }

    /// All are fetched anew when they are needed.
    pub fn forget_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TokenKey, Token>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Kind for Projected {
    fn handles(&self, volume: &Volume) -> bool {
        volume.projected.is_some()
    }

    fn folder(&self, _: &Volume) -> String {
        "kubernetes.io~projected".to_owned()
    }

    async fn set_up(&self, place: &Place<'_>, volume: &Volume) -> Result<Ready, String> {
        let source = volume.projected.clone().unwrap_or_default();
        let mode = source.default_mode.unwrap_or(payload::DEFAULT_MODE);
        let (mut files, mut refresh_at) = (Payload::new(), None);
        for part in source.sources.iter().flatten() {
            let (more, at) = files_of(place, part, mode).await?;
            files.extend(more);
            refresh_at = [refresh_at, at].into_iter().flatten().min();
        }
        payload::write(place, files, true, refresh_at)
    }
}

async fn files_of(
    place: &Place<'_>,
    part: &VolumeProjection,
    mode: i32,
) -> Result<(Payload, Option<Timestamp>), String> {
    let namespace = place.namespace();
    if let Some(of) = &part.config_map {
        let data = env::config_map(place.agent, namespace, &of.name, of.optional).await;
        let data = data.map_err(|trouble| trouble.message)?;
        return Ok((payload::of_data(data, of.items.as_ref(), mode, of.optional == Some(true))?, None));
    }
    if let Some(of) = &part.secret {
        let data = env::secret(place.agent, namespace, &of.name, of.optional).await;
        let data = data.map_err(|trouble| trouble.message)?;
        return Ok((payload::of_data(data, of.items.as_ref(), mode, of.optional == Some(true))?, None));
    }
    if let Some(of) = &part.downward_api {
        return Ok((payload::of_pod(place, of.items.as_deref().unwrap_or_default(), mode)?, None));
    }
    if let Some(of) = &part.service_account_token {
        let token = token(place, of).await?;
        let owner = only_user(place.pod);
        // Upstream: a token is for the pod's user or group alone, where one is known.
        let mode = if owner.is_some() || place.fs_group().is_some() { 0o600 } else { mode };
        let file = File { owner, ..payload::file(token.text.into_bytes(), mode) };
        return Ok((Payload::from([(of.path.clone(), file)]), Some(token.refresh_at)));
    }
    Err("a projected source that this node does not know; use configMap, secret, downwardAPI or serviceAccountToken"
        .into())
}

/// The user of all containers, if they have one and the same. Upstream: `FsUserFrom`.
fn only_user(pod: &Pod) -> Option<u32> {
    let spec = pod.spec.as_ref()?;
    let whole = spec.security_context.as_ref().and_then(|security| security.run_as_user);
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let mut users = containers
        .map(|container| container.security_context.as_ref().and_then(|security| security.run_as_user).or(whole));
    let first = users.next()??;
    users.all(|user| user == Some(first)).then(|| u32::try_from(first).ok()).flatten()
}

async fn token(place: &Place<'_>, of: &ServiceAccountTokenProjection) -> Result<Token, String> {
    let account = place.pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
    let account = account.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    let audience = of.audience.clone().unwrap_or_default();
    let seconds = of.expiration_seconds.unwrap_or(DEFAULT_SECONDS);
    let now = place.agent.clock.now();
    let key = TokenKey { pod_uid: place.key.uid.clone(), account, audience, seconds };
    let known = place.agent.tokens.lock().get(&key).filter(|token| token.refresh_at > now).cloned();
    if let Some(token) = known {
        return Ok(token);
    }
    let text = request(place, &key).await?;
    let life = std::time::Duration::from_secs(seconds.max(600).unsigned_abs());
    let token = Token { text, refresh_at: now + life.mul_f64(0.8).min(OLDEST) };
    place.agent.tokens.lock().insert(key, token.clone());
    Ok(token)
}

async fn request(place: &Place<'_>, key: &TokenKey) -> Result<String, String> {
    let audiences: Vec<&str> = Some(&*key.audience).filter(|audience| !audience.is_empty()).into_iter().collect();
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "metadata": {"name": key.account, "namespace": place.namespace()},
        "spec": {
            "audiences": audiences,
            "expirationSeconds": key.seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": place.key.name, "uid": place.key.uid},
        },
    });
    let options = WriteOptions { subresource: "token", field_manager: "kubelet" };
    let made = place.agent.api.create(&resources::SERVICE_ACCOUNTS, place.namespace(), body, options).await;
    let made = made.map_err(|error| format!("failed to fetch token: {error}"))?;
    let token = made.to_value()["status"]["token"].as_str().map(str::to_owned);
    token.ok_or_else(|| "failed to fetch token: the API server's answer has none".to_owned())
}
