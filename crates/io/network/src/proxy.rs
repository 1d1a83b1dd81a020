//! Keeps the node's nftables table equal to the plan.
//!
//! A change is applied [`GATHER`] after it was seen; what arrives meanwhile, or while nft runs, goes along with the next
//! batch. Rules stay when we stop: connections go on while the control plane is away.

use crate::follow::Known;
use crate::netlink::{Socket, conntrack};
use crate::obstacles::Voice;
use crate::{Config, NetworkError, Pods, nft};
use netplan::proxy::{Flow, NodeFacts, Plan, plan};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::Backoff;

/// Long enough for the objects of one rollout step to come in together, too short to be felt.
const GATHER: Duration = Duration::from_millis(5);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LAST: Duration = Duration::from_secs(30);

/// Services with up to so many endpoints change by single elements; beyond, a changed number loads the whole table.
const READY_DRAWS: usize = 16;

pub struct Proxy {
    node: NodeFacts,
    known: Known,
    pods: Arc<Pods>,
    voice: Voice,
    /// What the kernel has; None if unknown.
    applied: Option<Arc<Plan>>,
}

impl Proxy {
    pub fn new(config: &Config, known: Known, pods: Arc<Pods>, voice: Voice) -> Self {
        let node = NodeFacts {
            ready_draws: READY_DRAWS,
            name: config.node_name.clone(),
            pod_cidr: config.pod_cidr,
            cluster_cidr: config.cluster_cidr,
            service_cidr: config.service_cidr,
            dns_ip: config.dns_ip,
            bridge: config.bridge.clone(),
            table: config.table.clone(),
        };
        Self { node, known, pods, voice, applied: None }
    }

    /// Runs until cancelled.
    pub async fn run(mut self) {
        let mut changes = self.known.changes();
        if self.known.is_complete() {
            changes.mark_changed();
        }
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LAST);
        while changes.changed().await.is_ok() {
            tokio::time::sleep(GATHER).await;
            changes.mark_unchanged();
            if let Err(error) = self.sync().await {
                let wait = backoff.fail();
                self.applied = None;
                tracing::warn!(%error, ?wait, "Service rules were not changed, will retry");
                self.voice.failed(&error);
                tokio::time::sleep(wait).await;
                changes.mark_changed();
            } else {
                backoff.reset();
            }
        }
    }

    async fn sync(&mut self) -> Result<(), NetworkError> {
        let start = Instant::now();
        let host_ports: Vec<_> = self.pods.host_ports();
        let wanted = Arc::new(self.known.read(|world| plan(world, &self.node, &host_ports)));
        let planned = start.elapsed();
        match &self.applied {
            Some(applied) if *applied == wanted => return Ok(()),
            Some(applied) => self.change(applied, &wanted).await?,
            None => {
                nft::apply(&wanted.full()).await?;
                forget_ended_connections();
                self.voice.loaded().await;
            }
        }
        tracing::debug!(?planned, took = ?start.elapsed(), "Service rules changed");
        let before = self.applied.replace(wanted.clone());
        if wanted.may_leave_stale(before.as_deref()) {
            clean_connections(before, wanted).await;
        }
        Ok(())
    }

    /// Somebody may have changed our table by hand; then only a whole load helps.
    async fn change(&self, applied: &Plan, wanted: &Plan) -> Result<(), NetworkError> {
        let Err(error) = nft::apply(&wanted.changes(applied)).await else { return Ok(()) };
        tracing::warn!(%error, "a change of the rules was refused, loading the whole table");
        nft::apply(&wanted.full()).await
    }
}

/// The kernel leads who takes the port of a connection that is over (a client on this node may after a second, others after
/// a minute) to where that one was, as long as it remembers it: two minutes by default, long after a pod was rolled. One second is
/// enough for the last packets, and keeps its table small.
fn forget_ended_connections() {
    for state in ["time_wait", "close"] {
        let setting = format!("netfilter/nf_conntrack_tcp_timeout_{state}");
        if let Err(error) = crate::sysctl::set_where_present(&setting, "1") {
            tracing::warn!(%error, setting, "stays as it is: clients may be led to pods that are gone, and refused");
        }
    }
}

/// Failure costs clients of lost UDP endpoints a timeout and nothing else.
async fn clean_connections(before: Option<Arc<Plan>>, now: Arc<Plan>) {
    let work = move || {
        conntrack::delete_where(&mut Socket::netfilter()?, |tracked| {
            let (destination, server) = (tracked.original.destination, tracked.reply.source);
            let flow = Flow { protocol: tracked.original.protocol, destination, server };
            now.is_stale(before.as_deref(), &flow)
        })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(count)) => tracing::debug!(count, "deleted tracked connections to lost endpoints"),
        Ok(Err(error)) => tracing::warn!(%error, "tracked connections to lost endpoints stay until they expire"),
    }
}
