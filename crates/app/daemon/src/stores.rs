//! Where the cluster's state is: in a file of this machine, or in etcd, whose member this machine runs or not.

use crate::snapshot::Source;
use crate::{Config, StartError};
use cluster::etcd::{self, Binary, MemberConfig, Supervisor};
use cluster::{EtcdPki, Membership, Names, Store as Place};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Clock, SystemClock};
use store::{Embedded, Etcd, EtcdOptions, EtcdTls, OpenError, Options, SealError, Sealer, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Values sealed on disk.
const SECRETS: &str = "/registry/core/secrets/";

/// For a member to answer: a slow disk makes it slow, and others may have to start first.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// The open store, and what runs for it.
pub enum Stores {
    Embedded(Arc<Embedded>),
    /// The supervisor starts etcd again when it ends.
    Etcd {
        store: Arc<Etcd>,
        /// Of a member on this machine.
        member: Option<Box<Member>>,
    },
}

/// This machine's etcd.
pub struct Member {
    /// What the others call it.
    url: String,
    /// Taken by who renews them.
    keys: Option<EtcdPki>,
    /// Kept until the end: etcd runs on without it.
    _supervisor: Supervisor,
}

/// What has to be renewed of etcd's, and who has to be told.
pub type EtcdKeys = (EtcdPki, Arc<Etcd>);

impl Stores {
    /// Opens what the machine's part in the cluster says; with an etcd of its own, finds or starts it first.
    ///
    /// # Errors
    /// If it cannot be opened, or etcd does not become ready.
    pub async fn open(config: &Config, membership: Option<&Membership>, names: Names) -> Result<Self, StartError> {
        let sealer = sealer(config)?;
        match membership.and_then(|membership| membership.store.as_ref()) {
            None => Ok(Self::Embedded(embedded(config, sealer)?)),
            Some(Place::Member { data_dir, others }) => member(config, data_dir, others, names, sealer).await,
            Some(Place::External { endpoints, ca, cert, key }) => {
                let read = |path: &Path| {
                    std::fs::read(path).map_err(|source| StartError::File { path: path.to_owned(), source })
                };
                let tls = EtcdTls { ca: read(ca)?, client: Some((read(cert)?, read(key)?)) };
                let store = connect(endpoints.clone(), tls, sealer).await?;
                Ok(Self::Etcd { store, member: None })
            }
        }
    }

    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Etcd { store, .. } => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// Whom to tell of etcd's members, and what they call the one of this machine, if it runs one.
    pub fn member(&self) -> Option<(Arc<Etcd>, String)> {
        match self {
            Self::Etcd { store, member: Some(member) } => Some((Arc::clone(store), member.url.clone())),
            _ => None,
        }
    }

    /// Where snapshots are taken from.
    pub fn source(&self, config: &Config, membership: Option<&Membership>) -> Source {
        match self {
            Self::Embedded(store) => Source::Embedded(Arc::clone(store)),
            Self::Etcd { .. } => membership
                .and_then(|membership| etcd_of(config, membership))
                .map_or(Source::External, |member| Source::Etcd(Box::new(member))),
        }
    }

    /// To be renewed from now on by whoever calls this first.
    pub fn take_keys(&mut self) -> Option<EtcdKeys> {
        match self {
            Self::Etcd { store, member: Some(member) } => Some((member.keys.take()?, Arc::clone(store))),
            _ => None,
        }
    }

    /// etcd goes on running: a restart of ours is nothing to its other members.
    pub fn close(self) {
        if let Self::Embedded(store) = self {
            store.close();
        }
    }
}

/// The key that seals, made where there is none.
pub(crate) fn sealer(config: &Config) -> Result<Arc<Sealer>, SealError> {
    Ok(Arc::new(Sealer::load_or_create(config.config_dir.join("store.key"), sealed())?))
}

/// The store of this machine alone; no other process has it open then.
pub(crate) fn embedded(config: &Config, sealer: Arc<Sealer>) -> Result<Arc<Embedded>, OpenError> {
    let mut options = Options::new(config.store_file());
    options.seal = Some(sealer);
    Embedded::open(options)
}

/// Prefixes of keys whose values are sealed.
fn sealed() -> Vec<String> {
    vec![SECRETS.to_owned()]
}

/// This machine's etcd, of a master that has one; `config` is that of the member.
pub(crate) fn etcd_of(config: &Config, membership: &Membership) -> Option<MemberConfig> {
    match &membership.store {
        Some(Place::Member { data_dir, .. }) => Some(etcd_member(config, data_dir)),
        _ => None,
    }
}

pub(crate) fn etcd_member(config: &Config, data_dir: &Path) -> MemberConfig {
    let log = config.data_dir.join("etcd.log");
    MemberConfig::new(&config.node_name, config.address(), data_dir, &config.pki_dir(), &log)
}

async fn member(
    config: &Config,
    data_dir: &Path,
    others: &[String],
    names: Names,
    sealer: Arc<Sealer>,
) -> Result<Stores, StartError> {
    let pki = EtcdPki::load_or_create(&config.pki_dir(), names, SystemClock.now())?;
    let member = etcd_member(config, data_dir);
    let binary = Binary::find()?;
    let supervisor = etcd::open(&binary, &member, others, PATIENCE).await?;
    let endpoints = [vec![member.local_url()], others.to_vec()].concat();
    let store = connect(endpoints, pki.client_tls(), sealer).await?;
    let member = Member { url: member.client_url(), keys: Some(pki), _supervisor: supervisor };
    Ok(Stores::Etcd { store, member: Some(Box::new(member)) })
}

/// Keeps the store's list of etcd's members, whose masters come and go as the API servers do: until `stop`.
pub async fn follow_members(
    store: Arc<Etcd>,
    own: String,
    mut servers: watch::Receiver<Vec<SocketAddr>>,
    stop: CancellationToken,
) {
    let mut backoff = stdx::Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    let follow = async {
        loop {
            match store.learn_members(&own).await {
                Ok(()) => {
                    backoff.reset();
                    if servers.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "etcd's members are not known yet");
                    tokio::time::sleep(backoff.fail()).await;
                }
            }
        }
    };
    stop.run_until_cancelled(follow).await;
}

/// The store of an etcd.
///
/// # Errors
/// If it does not answer.
pub(crate) async fn connect(
    endpoints: Vec<String>,
    tls: EtcdTls,
    sealer: Arc<Sealer>,
) -> Result<Arc<Etcd>, StartError> {
    let options = EtcdOptions { tls: Some(tls), seal: Some(sealer), ..EtcdOptions::new(endpoints) };
    Ok(Etcd::connect(options).await?)
}
