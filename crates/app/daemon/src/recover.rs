//! `barque recover`: one master goes on alone, when so many are lost that etcd elects no leader any more.
//!
//! Source: etcd's "Disaster recovery", `--force-new-cluster`.
//!
//! Invariant: not while anybody has a leader. Two clusters that both take themselves for the one would be worse than none.

use crate::init::{self, InitError, JoinLine};
use crate::token::{self, TokenCommandError, Wanted};
use crate::{Config, door, identity, leave, service, stores};
use apimachinery::ApiError;
use client::remote::Remote;
use cluster::etcd::{self, Binary, MemberConfig, MemberError};
use cluster::{Membership, MembershipError, PkiError};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// For etcd to start with its data.
const STARTING: Duration = Duration::from_secs(120);

/// For controllers to lead here: the lease of those on a lost master has to end first.
const LEADING: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error("this machine has no etcd of its cluster: recover on a master that has, and join this one again")]
    NoMember,
    #[error(
        "{at} says that etcd has a leader: nothing is lost. Start the server here and look at `barque status`; a master that \
         is gone for good is removed by `kubectl delete node` and `etcdctl member remove`"
    )]
    HasLeader { at: String },
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error("this machine's etcd cannot be made a cluster of its own")]
    Etcd(#[from] MemberError),
    #[error("the server cannot be stopped or started")]
    Service(#[from] service::ServiceError),
    #[error("the administrator's certificate cannot be used")]
    Pki(#[from] PkiError),
    #[error("the administrator's certificate is missing from {0}; start the server once, which makes it")]
    NoAdmin(String),
    #[error("the API cannot be asked: {0}")]
    Api(ApiError),
    #[error(transparent)]
    Start(#[from] InitError),
    #[error(
        "the cluster runs; a line for the other masters cannot be made (`barque token create --control-plane` makes one)"
    )]
    Token(#[from] TokenCommandError),
}

/// Makes a cluster of this master alone out of its data, and starts it. `before`: arguments before the command, for the
/// server. Returns the line by which the others join again.
///
/// # Errors
/// [`RecoverError`]; nothing has been changed by the first two.
pub async fn recover(config: &Config, before: &[String], say: impl Fn(&str)) -> Result<JoinLine, RecoverError> {
    let membership = Membership::load(&config.config_dir)?.ok_or(RecoverError::NoMember)?;
    let config = config.clone().of_member(&membership);
    let member = stores::etcd_of(&config, &membership).ok_or(RecoverError::NoMember)?;
    let binary = Binary::find()?;
    say("[preflight] Asking all members whether one knows a leader");
    no_leader(&config, &membership, &member).await?;
    say("[stop] Stopping the server");
    service::stop(&config)?;
    say("[etcd] Making a cluster of this member alone");
    // Dropped, etcd goes on; the server finds it.
    drop(etcd::recover(&binary, &member, STARTING).await?);
    let own = SocketAddr::new(membership.address, membership.port);
    let alone = Membership { api_servers: vec![own], ..membership }.beside(Vec::new());
    alone.save(&config.config_dir)?;
    door::forget(&config);
    say("[kubelet-start] Starting the server");
    service::start(&config, before)?;
    let api = api(&config)?;
    init::wait_ready(&api, &config).await?;
    let wanted = Wanted {
        token: None,
        ttl: None,
        description: "For masters that join again, made by 'barque recover'.".to_owned(),
        control_plane: true,
    };
    let line = token::create(&config, wanted).await?;
    say("[controllers] Waiting for the controllers: those of a lost master are waited for");
    signed(&api, &line).await?;
    // Where people reach the API otherwise may be a machine that is lost.
    Ok(JoinLine { endpoint: own.to_string(), ..line })
}

/// Asks ours and those of all masters that were known.
async fn no_leader(config: &Config, membership: &Membership, member: &MemberConfig) -> Result<(), RecoverError> {
    let endpoints = [vec![member.local_url()], leave::others_known(config, membership)].concat();
    for (at, status) in member.admin(endpoints)?.statuses().await {
        if status.is_ok_and(|status| status.has_leader) {
            return Err(RecoverError::HasLeader { at });
        }
    }
    Ok(())
}

/// Until `cluster-info` is signed by the line's token, without which it is good for nothing: once controllers lead here.
async fn signed(api: &Remote, line: &JoinLine) -> Result<(), RecoverError> {
    let id = line.token.split('.').next().unwrap_or_default();
    let key = format!("jws-kubeconfig-{id}");
    let begin = Instant::now();
    loop {
        let info = api.request("GET", "/api/v1/namespaces/kube-public/configmaps/cluster-info", None).await;
        match info {
            Ok(info) if info["data"][&key].is_string() => return Ok(()),
            // The line is right all the same, later.
            Ok(_) if begin.elapsed() > LEADING => return Ok(()),
            Err(error) if begin.elapsed() > LEADING => return Err(RecoverError::Api(error)),
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

fn api(config: &Config) -> Result<Remote, RecoverError> {
    let admin = identity::administrator(config, &identity::server_url(config))?;
    let (api, _) = admin.ok_or_else(|| RecoverError::NoAdmin(config.pki_dir().display().to_string()))?;
    api.map_err(RecoverError::Api)
}
