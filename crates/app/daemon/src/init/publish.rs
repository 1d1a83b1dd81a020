//! What a new cluster says of itself in the API, for machines that join: its configuration, keys and tokens.

use super::{InitError, Options, api_error};
use crate::{Config, ours};
use apimachinery::time::format_seconds;
use apimachinery::{ApiResult, GroupVersionResource, Value};
use client::{Api, WriteOptions, resources};
use cluster::bootstrap::{MASTER_GROUP, NODE_GROUP, Token};
use cluster::{Membership, Store, parcel};
use serde_json::json;
use std::time::Duration;
use stdx::{Clock, SystemClock};

/// Upstream: `constants.DefaultTokenDuration`.
const WORKER_TTL: Duration = Duration::from_secs(24 * 3600);
/// Upstream: `constants.DefaultCertTokenDuration`: keys lie in the API no longer than they are needed.
const MASTER_TTL: Duration = Duration::from_secs(2 * 3600);

const OPTIONS: WriteOptions<'static> = WriteOptions { subresource: "", field_manager: "barque" };

#[derive(Debug, Clone)]
pub struct Tokens {
    pub worker: Token,
    pub master: Token,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    Worker,
    Master,
}

impl TokenKind {
    pub(crate) fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Worker => &[NODE_GROUP],
            Self::Master => &[NODE_GROUP, MASTER_GROUP],
        }
    }

    pub fn ttl(self) -> Duration {
        match self {
            Self::Worker => WORKER_TTL,
            Self::Master => MASTER_TTL,
        }
    }
}

/// Everything a joining machine asks for.
///
/// # Errors
/// The API's.
pub async fn all(
    api: &dyn Api,
    config: &Config,
    membership: &Membership,
    options: &Options,
    key: &str,
) -> Result<Tokens, InitError> {
    configuration(api, membership).await.map_err(api_error("the cluster's configuration"))?;
    ours::publish(api, membership).await.map_err(api_error("what kubeadm's configuration has no word for"))?;
    keys(api, config, key).await?;
    let ttl = options.token_ttl.unwrap_or(WORKER_TTL);
    for wanted in &options.kubeadm.bootstrap_tokens {
        given(api, wanted).await?;
    }
    let first = options.kubeadm.bootstrap_tokens.first().map(|given| given.token.parse::<Token>()).transpose()?;
    let worker = match first {
        Some(token) => token,
        None => token(api, TokenKind::Worker, ttl, "The default bootstrap token made by 'barque init'.").await?,
    };
    let master = token(api, TokenKind::Master, MASTER_TTL, "For joining masters, made by 'barque init'.").await?;
    Ok(Tokens { worker, master })
}

/// Makes a token. A life of zero is for ever.
///
/// # Errors
/// The API's.
pub async fn token(api: &dyn Api, kind: TokenKind, ttl: Duration, description: &str) -> Result<Token, InitError> {
    let token = Token::generate()?;
    put_token(api, &token, kind.groups(), ttl, description).await?;
    Ok(token)
}

/// Makes this token.
///
/// # Errors
/// The API's.
pub async fn put_token(
    api: &dyn Api,
    token: &Token,
    groups: &[&str],
    ttl: Duration,
    description: &str,
) -> Result<(), InitError> {
    let expires = (ttl > Duration::ZERO).then(|| format_seconds((SystemClock.now() + ttl).secs()));
    let object = token.object(description, expires.as_deref(), &["authentication", "signing"], groups);
    put(api, &resources::SECRETS, "kube-system", object).await.map_err(api_error("a bootstrap token"))
}

async fn given(api: &dyn Api, wanted: &cluster::kubeadm::BootstrapToken) -> Result<(), InitError> {
    use cluster::kubeadm::Expiry;
    let token: Token = wanted.token.parse()?;
    let expires = match &wanted.expiry {
        Expiry::After(Duration::ZERO) => None,
        Expiry::After(ttl) => Some(format_seconds((SystemClock.now() + *ttl).secs())),
        Expiry::At(time) => Some(time.clone()),
    };
    let usages: Vec<&str> = wanted.usages.iter().map(String::as_str).collect();
    let groups: Vec<&str> = wanted.groups.iter().map(String::as_str).collect();
    let object = token.object(&wanted.description, expires.as_deref(), &usages, &groups);
    put(api, &resources::SECRETS, "kube-system", object).await.map_err(api_error("a bootstrap token of the file"))
}

/// The Secret `kubeadm-certs`, anew, with this key.
///
/// # Errors
/// If a key is missing on this machine, or the API refuses.
pub async fn keys(api: &dyn Api, config: &Config, key: &str) -> Result<(), InitError> {
    let expires = format_seconds((SystemClock.now() + MASTER_TTL).secs());
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": parcel::pack(&config.config_dir, key)?,
        "metadata": {
            "name": parcel::SECRET, "namespace": "kube-system",
            "annotations": {"barque.io/expires": expires},
        },
    });
    put(api, &resources::SECRETS, "kube-system", object).await.map_err(api_error("the keys for further masters"))
}

/// The ConfigMap `kubeadm-config`: what kubeadm and other tools read, and machines that join.
pub(crate) async fn configuration(api: &dyn Api, membership: &Membership) -> ApiResult<()> {
    let etcd = match &membership.store {
        Some(Store::External { endpoints, ca, cert, key }) => {
            json!({"external": {"endpoints": endpoints, "caFile": ca, "certFile": cert, "keyFile": key}})
        }
        Some(Store::Member { data_dir, .. }) => json!({"local": {"dataDir": data_dir}}),
        None => json!({}),
    };
    let cluster = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": membership.cluster_name,
        "controlPlaneEndpoint": membership.endpoint,
        "kubernetesVersion": "v1.35.0",
        "apiServer": {"certSANs": membership.cert_sans},
        "etcd": etcd,
        "networking": {
            "dnsDomain": membership.cluster_domain,
            "podSubnet": membership.pod_cidr,
            "serviceSubnet": membership.service_cidr,
        },
    });
    let text = serde_saphyr::to_string(&cluster).map_err(apimachinery::ApiError::internal)?;
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": text},
    });
    put(api, &resources::CONFIG_MAPS, "kube-system", object).await
}

/// Creates it, or replaces what is there.
pub(crate) async fn put(api: &dyn Api, of: &GroupVersionResource, namespace: &str, object: Value) -> ApiResult<()> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    match api.create(of, namespace, object.clone(), OPTIONS).await {
        Err(error) if error.is_already_exists() => api.update(of, namespace, &name, object, OPTIONS).await.map(drop),
        done => done.map(drop),
    }
}
