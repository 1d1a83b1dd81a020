//! Keeps the table of network policies equal to the plan.
//!
//! Pods and namespaces are followed only once there is a policy: a cluster without any pays for one idle watch. Rules
//! stay when we stop.

mod gate;

pub use gate::Gate;

use crate::{Config, NetworkError, Pods, nft};
use client::informer::{Delta, Informer, Subscription};
use client::{Api, ListOptions, Object, Scope, resources};
use netplan::policy::{self, Facts, Plan};
use std::sync::Arc;
use std::time::Duration;
use stdx::Backoff;
use telemetry::{Check, Health};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Long enough for the objects of one step to come in together, too short to be felt.
const GATHER: Duration = Duration::from_millis(5);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LAST: Duration = Duration::from_secs(30);

pub struct Policies {
    facts: Facts,
    api: Arc<dyn Api>,
    pods: Arc<Pods>,
    gate: Gate,
    health: Health,
    world: policy::Policies,
    /// What the kernel has; None if unknown.
    applied: Option<Plan>,
}

/// What is followed, by kind.
#[derive(Clone, Copy)]
enum Kind {
    Policy,
    Pod,
    Namespace,
}

struct Followed {
    kind: Kind,
    informer: Informer,
    changes: Subscription,
}

/// The table's name.
pub fn table(config: &Config) -> String {
    format!("{}-policy", config.table)
}

impl Policies {
    pub fn new(config: &Config, api: Arc<dyn Api>, pods: Arc<Pods>, gate: Gate, health: Health) -> Self {
        let facts = Facts { table: table(config), dns_ip: config.dns_ip };
        Self { facts, api, pods, gate, health, world: policy::Policies::default(), applied: None }
    }

    /// Runs until `stop`; when it has returned, it changes nothing any more.
    pub async fn run(mut self, stop: CancellationToken) {
        let Some(mut policies) = self.follow(Kind::Policy, &stop).await else { return };
        let mut touches = self.gate.touches();
        if self.without_policies(&mut policies, &stop).await.is_none() {
            return;
        }
        let Some(mut pods) = self.follow(Kind::Pod, &stop).await else { return };
        let Some(mut namespaces) = self.follow(Kind::Namespace, &stop).await else { return };
        let health = self.health.part("network-policies");
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LAST);
        loop {
            let again = match self.sync(&health).await {
                Ok(()) => {
                    backoff.reset();
                    None
                }
                Err(error) => Some(self.failed(&error, &health, backoff.fail())),
            };
            let all = [&mut policies, &mut pods, &mut namespaces];
            let waited = stop.run_until_cancelled(self.wait(all, &mut touches, again)).await;
            if waited.flatten().is_none() {
                return;
            }
        }
    }

    /// Removes what an earlier process left, and waits for the first policy.
    async fn without_policies(&mut self, policies: &mut Followed, stop: &CancellationToken) -> Option<()> {
        if policies.informer.is_empty() {
            if let Err(error) = nft::apply(&Plan::removal(&self.facts.table)).await {
                tracing::warn!(%error, "rules of former network policies may be left");
            }
            self.gate.open();
        }
        while policies.informer.is_empty() {
            let delta = stop.run_until_cancelled(policies.changes.next()).await.flatten()?;
            self.take_in(policies.kind, &policies.informer, delta);
        }
        Some(())
    }

    async fn follow(&mut self, kind: Kind, stop: &CancellationToken) -> Option<Followed> {
        let options = ListOptions::default();
        let informer = Informer::start(self.api.clone(), kind.resource().clone(), options, stop.clone());
        let changes = informer.subscribe();
        stop.run_until_cancelled(informer.wait_for(1)).await?;
        self.read_all(kind, &informer);
        Some(Followed { kind, informer, changes })
    }

    /// Until something changed or it is time to try again; None when nothing will change any more.
    async fn wait(
        &mut self,
        [a, b, c]: [&mut Followed; 3],
        touches: &mut watch::Receiver<u64>,
        again: Option<Duration>,
    ) -> Option<()> {
        let mut due = again.map(|again| Instant::now() + again);
        let mut gathering = false;
        loop {
            let until = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                delta = a.changes.next() => self.take_in(a.kind, &a.informer, delta?),
                delta = b.changes.next() => self.take_in(b.kind, &b.informer, delta?),
                delta = c.changes.next() => self.take_in(c.kind, &c.informer, delta?),
                touched = touches.changed() => touched.ok()?,
                () = until => return Some(()),
            }
            if !gathering {
                gathering = true;
                due = Some(Instant::now() + GATHER);
            }
        }
    }

    fn take_in(&mut self, kind: Kind, informer: &Informer, delta: Delta) {
        match delta {
            Delta::Change { new: Some(new), .. } => self.put(kind, &new),
            Delta::Change { old: Some(old), new: None } => self.remove(kind, &old),
            Delta::Change { old: None, new: None } => {}
            Delta::Reset => self.read_all(kind, informer),
        }
    }

    fn read_all(&mut self, kind: Kind, informer: &Informer) {
        match kind {
            Kind::Policy => self.world.clear_policies(),
            Kind::Pod => self.world.clear_pods(),
            Kind::Namespace => self.world.clear_namespaces(),
        }
        for object in informer.list(Scope::All) {
            self.put(kind, &object);
        }
    }

    fn put(&mut self, kind: Kind, object: &Object) {
        match kind {
            Kind::Policy => self.world.put_policy(object),
            Kind::Pod => self.world.put_pod(object),
            Kind::Namespace => self.world.put_namespace(object),
        }
    }

    fn remove(&mut self, kind: Kind, object: &Object) {
        match kind {
            Kind::Policy => self.world.remove_policy(object),
            Kind::Pod => self.world.remove_pod(object),
            Kind::Namespace => self.world.remove_namespace(object),
        }
    }

    async fn sync(&mut self, health: &Check) -> Result<(), NetworkError> {
        let local: Vec<_> = self.pods.list().into_iter().map(|(pod, plugged)| (pod, plugged.ip)).collect();
        let wanted = policy::plan(&self.world, &self.facts, &local);
        match &self.applied {
            Some(applied) if *applied == wanted => {}
            Some(applied) => change(applied, &wanted).await?,
            None => nft::apply(&wanted.full()).await?,
        }
        self.applied = Some(wanted);
        health.well();
        let known = local.into_iter().filter(|(pod, _)| self.world.has_pod(pod));
        self.gate.only(known.map(|(pod, ip)| (pod.uid, ip)).collect());
        Ok(())
    }

    fn failed(&mut self, error: &NetworkError, health: &Check, wait: Duration) -> Duration {
        self.applied = None;
        tracing::warn!(%error, ?wait, "network policies were not put in force, will retry");
        health.ill(format!("network policies are out of date: {error}"), "see the cause; it is tried again");
        wait
    }
}

impl Kind {
    fn resource(self) -> &'static apimachinery::GroupVersionResource {
        match self {
            Self::Policy => &resources::NETWORK_POLICIES,
            Self::Pod => &resources::PODS,
            Self::Namespace => &resources::NAMESPACES,
        }
    }
}

/// Somebody may have changed our table by hand; then only a whole load helps.
async fn change(applied: &Plan, wanted: &Plan) -> Result<(), NetworkError> {
    let Err(error) = nft::apply(&wanted.changes(applied)).await else { return Ok(()) };
    tracing::warn!(%error, "a change of the policies' rules was refused, loading the whole table");
    nft::apply(&wanted.full()).await
}
