//! Keeps the ways to other nodes' pods as the Node objects want them, and our own Node telling others the way to us.
//!
//! Every event of any node compares the kernel's entries with the plan, so what somebody removed by hand comes back with
//! the next heartbeat. Ways stay when we stop: pods go on talking while this process is dead.

mod device;
pub mod range;
mod silent;
pub mod wireguard;

use crate::host::Host;
use crate::{Config, Encryption, NetworkError};
use client::informer::{Delta, Informer, Subscription};
use client::{Api, ApiError, ListOptions, PatchKind, Scope, WriteOptions, resources};
use device::Settings;
use netplan::overlay::{self, Backend, Me, Node, Overlay};
use silent::Silent;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use stdx::Backoff;
use telemetry::Check;
use tokio_util::sync::CancellationToken;
use wireguard::{Key, Tunnels};

/// Heartbeats of many nodes come in together; too short to be felt by a node that joins.
const GATHER: Duration = Duration::from_millis(5);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LAST: Duration = Duration::from_secs(30);

pub struct Ways {
    me: Me,
    settings: Settings,
    /// Where the cluster is encrypted.
    tunnels: Option<Arc<Tunnels>>,
    api: Arc<dyn Api>,
    nodes: BTreeMap<String, Node>,
    health: Check,
    /// What is wrong with which node, as last told.
    told: String,
    silent: Silent,
}

/// Why the overlay is not as it should be.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error("the ways to other nodes' pods are out of date: {}", stdx::chain(.0))]
    Kernel(NetworkError),
    #[error("other nodes are not told the way to this one: {0}")]
    Publish(ApiError),
}

impl Ways {
    /// # Errors
    /// If the node's key cannot be used.
    pub fn new(config: &Config, host: Host, api: Arc<dyn Api>, health: Check) -> Result<Self, NetworkError> {
        let key = match config.encryption {
            Encryption::None => None,
            Encryption::WireGuard => Some(Key::load_or_create(&config.wireguard_key)?),
        };
        let backend = key.as_ref().map_or(Backend::Vxlan, |key| Backend::WireGuard(key.told()));
        let (name, pod_cidr) = (config.node_name.clone(), config.pod_cidr);
        let me = Me { name, pod_cidr, cluster_cidr: config.cluster_cidr, address: config.node_ip, backend };
        Ok(Self {
            me,
            settings: Settings::new(config, host),
            tunnels: key.map(|key| Arc::new(Tunnels::new(key))),
            api,
            nodes: BTreeMap::new(),
            health,
            told: String::new(),
            silent: Silent::default(),
        })
    }

    /// Runs until `stop`; when it has returned, it changes nothing any more.
    pub async fn run(mut self, stop: CancellationToken) {
        let options = ListOptions::default();
        let informer = Informer::start(self.api.clone(), resources::NODES.clone(), options, stop.clone());
        let mut changes = informer.subscribe();
        if stop.run_until_cancelled(informer.wait_for(1)).await.is_none() {
            return;
        }
        self.read_all(&informer);
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LAST);
        loop {
            let again = match self.sync(&stop).await {
                Ok(()) => {
                    backoff.reset();
                    self.silent.due()
                }
                Err(error) => Some(self.failed(&error, backoff.fail())),
            };
            let waited = stop.run_until_cancelled(self.wait(&informer, &mut changes, again)).await;
            if waited.flatten().is_none() {
                return;
            }
        }
    }

    /// Until something changed or it is time to try again; None when nothing will change any more.
    async fn wait(&mut self, informer: &Informer, changes: &mut Subscription, again: Option<Duration>) -> Option<()> {
        let due = async {
            match again {
                Some(again) => tokio::time::sleep(again).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            delta = changes.next() => self.take_in(informer, delta?),
            () = due => {}
        }
        let gathered = tokio::time::sleep(GATHER);
        tokio::pin!(gathered);
        loop {
            tokio::select! {
                delta = changes.next() => self.take_in(informer, delta?),
                () = &mut gathered => return Some(()),
            }
        }
    }

    fn take_in(&mut self, informer: &Informer, delta: Delta) {
        match delta {
            Delta::Change { new: Some(new), .. } => {
                self.nodes.insert(new.head.name.clone(), Node::from_object(&new));
            }
            Delta::Change { old: Some(old), new: None } => _ = self.nodes.remove(&old.head.name),
            Delta::Change { old: None, new: None } => {}
            Delta::Reset => self.read_all(informer),
        }
    }

    fn read_all(&mut self, informer: &Informer) {
        let nodes = informer.list(Scope::All);
        self.nodes = nodes.iter().map(|node| (node.head.name.clone(), Node::from_object(node))).collect();
    }

    /// The kernel first: once others know the way to us, packets come.
    async fn sync(&mut self, stop: &CancellationToken) -> Result<(), SyncError> {
        let wanted = Arc::new(overlay::plan(self.nodes.values(), &self.me));
        let (settings, tunnels, for_kernel) = (self.settings.clone(), self.tunnels.clone(), wanted.clone());
        let work = move || device::sync(&settings, tunnels.as_deref(), &for_kernel);
        let synced = tokio::task::spawn_blocking(work).await;
        let synced =
            synced.map_err(|failed| NetworkError::kernel("finish network work")(std::io::Error::other(failed)));
        let changed = synced.flatten().map_err(SyncError::Kernel)?;
        if changed > 0 {
            tracing::info!(changed, nodes = wanted.entries.routes.len(), "ways to other nodes' pods changed");
        }
        if let Some(told) = stop.run_until_cancelled(self.publish()).await {
            told.map_err(SyncError::Publish)?;
        }
        self.tell(&wanted);
        Ok(())
    }

    async fn publish(&self) -> Result<(), ApiError> {
        let own = self.nodes.get(&self.me.name);
        let Some(patch) = own.and_then(|own| overlay::publish(own, &self.me)) else { return Ok(()) };
        let options = WriteOptions { subresource: "", field_manager: "network" };
        self.api.patch(&resources::NODES, "", &self.me.name, PatchKind::Merge, patch, options).await.map(drop)
    }

    fn failed(&mut self, error: &SyncError, wait: Duration) -> Duration {
        tracing::warn!(%error, ?wait, "will retry");
        self.told.clear();
        self.health.ill(error.to_string(), "see the cause; it is tried again");
        wait
    }

    fn tell(&mut self, wanted: &Overlay) {
        self.silent.look(&wanted.left_out);
        let wrong = wanted.left_out.iter().filter(|(node, why)| why.is_wrong() || self.silent.is_too_long(node));
        let wrong: Vec<String> =
            wrong.map(|(node, why)| format!("pods of node {node} cannot be reached: {why}")).collect();
        let wrong = wrong.join("; ");
        if wrong.is_empty() {
            self.health.well();
        } else if wrong != self.told {
            let cure = match self.tunnels {
                None => "every node needs flannel's VXLAN backend and a range of its own in spec.podCIDR",
                Some(_) => {
                    "every node needs WireGuard, a key and a range of its own: does it run, with this encryption?"
                }
            };
            tracing::warn!(cause = %wrong, %cure, "some nodes' pods cannot be reached");
            self.health.ill(&*wrong, cure);
        }
        self.told = wrong;
    }
}
