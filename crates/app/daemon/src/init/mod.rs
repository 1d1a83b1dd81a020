//! `barque init`: the first master of a cluster.
//!
//! Upstream: `cmd/kubeadm/app/cmd/init.go`. The order is kubeadm's: look, write, start, wait, publish, print.

pub mod plan;
pub mod publish;
mod text;

pub use text::{JoinLine, join_line, success};

use crate::waiting::until;
use crate::{Config, StartError, identity, service};
use client::remote::{Remote, RemoteOptions, spki_sha256};
use cluster::bootstrap::Token;
use cluster::kubeadm::Kubeadm;
use cluster::preflight::PreflightError;
use cluster::{Leaf, Membership, MembershipError, Pki};
use std::time::{Duration, Instant};

/// From the start of the server until the API answers. The first start makes keys and forms etcd.
const STARTING: Duration = Duration::from_secs(120);

/// What `init` was asked.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The file's wishes, and the flags' over them.
    pub kubeadm: Kubeadm,
    /// Life of the printed token for workers. None: 24 hours; zero: for ever.
    pub token_ttl: Option<Duration>,
    /// Arguments before the command, for the server that is started.
    pub before: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("preflight")]
    Preflight(#[from] PreflightError),
    #[error("this machine's part in the cluster cannot be written down")]
    Membership(#[from] MembershipError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the server cannot be started")]
    Service(#[from] service::ServiceError),
    #[error("the API does not answer after {0:?}: {1}. What went wrong is in the server's log: {2}")]
    NotReady(Duration, String, String),
    #[error("the API refused {what}: {error}")]
    Api { what: &'static str, error: apimachinery::ApiError },
    #[error("a bootstrap token cannot be made")]
    Token(#[from] cluster::bootstrap::TokenError),
    #[error("the keys for further masters cannot be put into the cluster")]
    Parcel(#[from] cluster::parcel::ParcelError),
}

/// What is printed at the end.
#[derive(Debug, Clone)]
pub struct Initialized {
    pub kubeconfig: String,
    pub master: JoinLine,
    pub worker: JoinLine,
}

/// Makes this machine the first master. `say` is told each phase.
///
/// # Errors
/// [`InitError`]; after one from a later phase `barque reset` cleans up.
pub async fn init(config: &Config, options: &Options, say: impl Fn(&str)) -> Result<Initialized, InitError> {
    let membership = plan::membership(config, &options.kubeadm);
    plan::look(config, &membership, &options.kubeadm.ignore_preflight_errors, &say)?;
    membership.save(&config.config_dir)?;
    let config = config.clone().of_member(&membership);
    say(&format!("[certs] Keys and certificates are in {}", config.pki_dir().display()));
    let pki = identity::load(&config, Some(&membership))?;
    say(&format!("[kubeconfig] The administrator's is {}", config.kubeconfig().display()));
    say("[kubelet-start] Starting the server: etcd, API server, controllers, scheduler, node agent");
    service::start(&config, &options.before)?;
    open_to_others(&config, &membership, &pki, options, say).await
}

/// Waits until the API answers, and puts into it what machines that join ask for.
///
/// # Errors
/// If it does not answer or refuses.
pub(crate) async fn open_to_others(
    config: &Config,
    membership: &Membership,
    pki: &Pki,
    options: &Options,
    say: impl Fn(&str),
) -> Result<Initialized, InitError> {
    let credentials = identity::credentials(pki.pair(Leaf::Admin));
    let api = Remote::new(RemoteOptions::new(identity::server_url(config), pki.ca(), credentials))
        .map_err(api_error("the client"))?;
    let begin = Instant::now();
    wait_ready(&api, config).await?;
    say(&format!("[wait-control-plane] The API answers after {:.1} s", begin.elapsed().as_secs_f64()));
    let key = options.kubeadm.certificate_key.clone().unwrap_or_else(cluster::parcel::new_key);
    let tokens = publish::all(&api, config, membership, options, &key).await?;
    say(
        "[upload-certs] The keys for further masters are in the Secret kube-system/kubeadm-certs, encrypted, for two hours",
    );
    say("[bootstrap-token] Tokens for workers and for masters are made");
    initialized(config, membership, pki.ca(), &tokens, key)
}

fn initialized(
    config: &Config,
    membership: &Membership,
    ca: &str,
    tokens: &publish::Tokens,
    key: String,
) -> Result<Initialized, InitError> {
    let hash = ca_hash(ca).map_err(api_error("its own authority"))?;
    let endpoint = reachable(membership);
    let line = |token: &Token, certificate_key| JoinLine {
        endpoint: endpoint.clone(),
        token: token.to_string(),
        ca_hash: hash.clone(),
        certificate_key,
    };
    Ok(Initialized {
        kubeconfig: config.kubeconfig().display().to_string(),
        master: line(&tokens.master, Some(key)),
        worker: line(&tokens.worker, None),
    })
}

/// Where another machine finds the API: the endpoint, unless that is loopback, which each machine has for itself.
pub fn reachable(membership: &Membership) -> String {
    let host = membership.endpoint.rsplit_once(':').map_or(membership.endpoint.as_str(), |(host, _)| host);
    let is_own =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match is_own {
        true => plan::host_port(membership.address, membership.port),
        false => membership.endpoint.clone(),
    }
}

/// The public key hash that pins an authority, of its PEM.
///
/// # Errors
/// If it is no certificate.
pub fn ca_hash(pem: &str) -> apimachinery::ApiResult<String> {
    spki_sha256(&cluster::pki::der(pem).map_err(apimachinery::ApiError::internal)?)
}

pub(crate) fn api_error(what: &'static str) -> impl Fn(apimachinery::ApiError) -> InitError {
    move |error| InitError::Api { what, error }
}

/// Until `/readyz` says ok.
pub(crate) async fn wait_ready(api: &Remote, config: &Config) -> Result<(), InitError> {
    let asked = until(STARTING, async || match api.request("GET", "/readyz", None).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    asked.await.map_err(|why| InitError::NotReady(STARTING, why, service::log_of(config)))
}
