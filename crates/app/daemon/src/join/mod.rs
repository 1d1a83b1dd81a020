//! `barque join`: this machine becomes a member of a cluster that runs.
//!
//! Upstream: `cmd/kubeadm/app/cmd/join.go`. The authority is pinned, the token allows one certificate; a master fetches
//! the cluster's keys, encrypted by a key that only the join line names.

pub mod certificate;
mod discovery;

use crate::init::plan;
use crate::waiting::until;
use crate::{Config, StartError, identity, ours, service, worker};
use apimachinery::{ApiError, Value};
use certificate::{CertificateError, Purpose};
use client::remote::{Credentials, Remote, RemoteOptions};
use cluster::bootstrap::Token;
use cluster::etcd;
use cluster::kubeadm::{self, Kubeadm, KubeadmError};
use cluster::parcel::{self, ParcelError};
use cluster::preflight::PreflightError;
use cluster::{Leaf, Membership, MembershipError, PkiError, Role, Store, membership};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

/// For the started server to make its node Ready.
const STARTING: Duration = Duration::from_secs(180);

/// What `join` was asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// `HOST:PORT` of an API server.
    pub server: String,
    pub token: Token,
    /// `sha256:<hex>`, one of which the cluster's authority has.
    pub pins: Vec<String>,
    /// As a master, with the key that decrypts the cluster's keys.
    pub certificate_key: Option<String>,
    pub node_name: Option<String>,
    pub address: Option<IpAddr>,
    pub port: Option<u16>,
    pub ignore: Vec<String>,
    /// Arguments before the command, for the server that is started.
    pub before: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("{0}: the address of an API server is needed, HOST:PORT")]
    Server(String),
    #[error("preflight")]
    Preflight(#[from] PreflightError),
    #[error("the cluster at {server} does not say who it is: {error}")]
    Discovery { server: String, error: ApiError },
    #[error("the cluster at {server} is not trusted: {why}")]
    Distrust { server: String, why: String },
    #[error("the API refused {what}: {error}")]
    Api { what: &'static str, error: ApiError },
    #[error("the cluster's configuration cannot be followed")]
    Configuration(#[from] KubeadmError),
    #[error("this machine gets no certificate")]
    Certificate(#[from] CertificateError),
    #[error("the cluster's keys cannot be used here")]
    Parcel(#[from] ParcelError),
    #[error("keys cannot be written")]
    Pki(#[from] PkiError),
    #[error("this machine's part in the cluster cannot be written down")]
    Membership(#[from] MembershipError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the server cannot be started")]
    Service(#[from] service::ServiceError),
    #[error("the node {node} is not Ready after {STARTING:?}: {why}. What went wrong is in the server's log: {log}")]
    NotReady { node: String, why: String, log: String },
}

/// Joins. `say` is told each phase.
///
/// # Errors
/// [`JoinError`]; after one from a later phase `barque reset` cleans up, and joining again is safe.
pub async fn join(config: &Config, options: &Options, say: impl Fn(&str)) -> Result<Membership, JoinError> {
    let own = addressed(config, options);
    let first = draft(&own, options)?;
    plan::look(&own, &first, &options.ignore, &say)?;
    let server = format!("https://{}", options.server);
    say(&format!("[discovery] Asking {server} who it is"));
    let ca = discovery::authority(&server, &options.token, &options.pins).await?;
    say("[discovery] Its signature is the token's and its authority the pinned one");
    let bearer = remote(&server, &ca, Credentials::Token(options.token.to_string()))?;
    let wanted = configuration(&bearer).await?;
    let encryption = ours::encryption(&bearer).await;
    let encryption = encryption.map_err(|error| JoinError::Api { what: "the cluster's encryption", error })?;
    let own = Config { encryption, ..own };
    let membership = follow(first, &own, &wanted);
    let config = own.clone().of_member(&membership);
    let credentials = match &options.certificate_key {
        None => {
            say("[kubelet-start] Asking for this node's certificate");
            cluster::pki::applicant::save_authority(&config.pki_dir(), &ca)?;
            let pair = certificate::obtain(&bearer, Purpose::Client, &config).await?;
            worker::save_client(&config, &pair)?;
            identity::credentials(&pair)
        }
        Some(key) => {
            say("[download-certs] Fetching the cluster's keys");
            fetch_keys(&bearer, key, &config.config_dir).await?;
            identity::credentials(identity::load(&config, Some(&membership))?.pair(Leaf::Admin))
        }
    };
    let api = remote(&server, &ca, credentials)?;
    let membership = match membership.is_control_plane() {
        true => with_others(membership, &api).await?,
        false => membership,
    };
    membership.save(&config.config_dir)?;
    say("[kubelet-start] Starting the server");
    service::start(&config, &options.before)?;
    wait_ready(&api, &config).await?;
    say(&format!("[kubelet-start] The node {} is Ready", config.node_name));
    Ok(membership)
}

/// The configuration with what flags say of this machine.
fn addressed(config: &Config, options: &Options) -> Config {
    let mut own = config.clone();
    own.advertise_address = options.address.or(own.advertise_address);
    own.port = options.port.unwrap_or(own.port);
    if let Some(name) = &options.node_name {
        own.node_name.clone_from(name);
    }
    own
}

/// What is known before the cluster was asked.
fn draft(config: &Config, options: &Options) -> Result<Membership, JoinError> {
    let unknown = || JoinError::Server(options.server.clone());
    let servers: Vec<SocketAddr> = options.server.to_socket_addrs().map_err(|_| unknown())?.collect();
    if servers.is_empty() {
        return Err(unknown());
    }
    let master = options.certificate_key.is_some();
    Ok(Membership {
        role: if master { Role::ControlPlane } else { Role::Worker },
        api_servers: servers,
        endpoint: options.server.clone(),
        store: master.then(|| Store::Member { data_dir: plan::default_etcd(config), others: Vec::new() }),
        ..plan::membership(config, &Kubeadm::default())
    })
}

/// With what the cluster's configuration says of all its members.
fn follow(first: Membership, config: &Config, wanted: &Kubeadm) -> Membership {
    let decided = plan::membership(config, wanted);
    let store = first.store.as_ref().and(decided.store.clone());
    Membership {
        role: first.role,
        api_servers: first.api_servers,
        local_api: membership::local_api(Some(&decided.endpoint)),
        store,
        ..decided
    }
}

/// Members of etcd that are there: one on each master.
async fn with_others(membership: Membership, api: &Remote) -> Result<Membership, JoinError> {
    let path = "/api/v1/namespaces/default/endpoints/kubernetes";
    let error = |error| JoinError::Api { what: "the list of API servers", error };
    let endpoints = api.request("GET", path, None).await.map_err(error)?;
    let addresses = endpoints["subsets"].as_array().into_iter().flatten();
    let addresses = addresses.flat_map(|subset| subset["addresses"].as_array().into_iter().flatten());
    let ips = addresses.filter_map(|address| address["ip"].as_str()?.parse::<IpAddr>().ok());
    let ips = ips.filter(|ip| *ip != membership.address);
    let others = ips.map(etcd::client_url).collect();
    Ok(membership.beside(others))
}

/// The Secret `kubeadm-certs`, decrypted into this machine's folder of keys.
async fn fetch_keys(api: &Remote, key: &str, config_dir: &Path) -> Result<(), JoinError> {
    let path = format!("/api/v1/namespaces/kube-system/secrets/{}", parcel::SECRET);
    let error = |error| JoinError::Api {
        what: "the keys for masters (a worker's token may not read them, and they expire after two hours; \
               `barque token create --control-plane` makes both anew)",
        error,
    };
    let secret = api.request("GET", &path, None).await.map_err(error)?;
    let data = secret["data"].as_object().into_iter().flatten();
    let data: BTreeMap<String, String> =
        data.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    Ok(parcel::unpack(&data, key, config_dir)?)
}

async fn configuration(api: &Remote) -> Result<Kubeadm, JoinError> {
    let path = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
    let error = |error| JoinError::Api { what: "the cluster's configuration", error };
    let map: Value = api.request("GET", path, None).await.map_err(error)?;
    let text = map["data"]["ClusterConfiguration"].as_str().unwrap_or_default();
    let (wanted, _) = kubeadm::parse(text, "kube-system/kubeadm-config")?;
    Ok(wanted)
}

fn remote(server: &str, ca: &str, credentials: Credentials) -> Result<Remote, JoinError> {
    let error = |error| JoinError::Api { what: "the connection", error };
    Remote::new(RemoteOptions::new(server, ca, credentials)).map_err(error)
}

async fn wait_ready(api: &Remote, config: &Config) -> Result<(), JoinError> {
    let path = format!("/api/v1/nodes/{}", config.node_name);
    let asked = until(STARTING, async || match api.request("GET", &path, None).await {
        Ok(node) if is_ready(&node) => Ok(()),
        Ok(_) => Err("it has registered, and says that it is not ready".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    let log = || service::log_of(config);
    asked.await.map_err(|why| JoinError::NotReady { node: config.node_name.clone(), why, log: log() })
}

fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    conditions.clone().any(|is| is["type"] == "Ready" && is["status"] == "True")
}
