//! The node's network as one component: what the node agent and the daemon call.

use crate::dns::{self, Dns};
use crate::follow::Known;
use crate::obstacles::Voice;
use crate::overlay::{Ways, range};
use crate::policies::{self, Gate, Policies};
use crate::proxy::Proxy;
use crate::{
    Config, DnsPolicy, HostPort, NetworkError, PodDns, PodKey, PodNetwork, Pods, Resolv, health_checks, nft,
    resolv_conf,
};
use client::Api;
use netplan::Cidr;
use netplan::proxy::Plan;
use std::sync::{Arc, Mutex, PoisonError};
use telemetry::Health;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Runs until dropped; pods keep their network and Services their rules after that.
pub struct Network {
    config: Config,
    pods: Arc<Pods>,
    known: Known,
    voice: Voice,
    gate: Gate,
    /// Those that must have ended before a purge: what they are about to add must not come after it.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
}

impl Network {
    /// Prepares the host and takes over what an earlier process left; then follows Services, EndpointSlices,
    /// NetworkPolicies and Nodes. Needs root. Does not wait for the API. Reports to `health` as `service-proxy` and `dns`;
    /// as `overlay` with [`Config::overlay`]; as `network-policies` once there are any.
    ///
    /// # Errors
    /// If the kernel refuses a part; what was made stays, and the next start goes on from there.
    pub async fn start(config: Config, api: Arc<dyn Api>, health: &Health) -> Result<Arc<Self>, NetworkError> {
        let for_pods = config.clone();
        let pods = blocking(move || Pods::open(for_pods)).await?;
        let stop = CancellationToken::new();
        let known = Known::start(&api, &stop);
        let voice = Voice::new(&config, health.part("service-proxy"));
        let proxy = Proxy::new(&config, known.clone(), pods.clone(), voice.clone());
        let until = stop.clone();
        tokio::spawn(async move { until.run_until_cancelled(proxy.run()).await });
        let checks = health_checks::run(config.node_name.clone(), known.clone());
        let until = stop.clone();
        tokio::spawn(async move { until.run_until_cancelled(checks).await });
        let dns = Dns::new(&config, known.clone())?.run(config.clone(), health.part("dns"));
        let until = stop.clone();
        tokio::spawn(async move { until.run_until_cancelled(dns).await });
        let gate = Gate::new();
        let policies = Policies::new(&config, api.clone(), pods.clone(), gate.clone(), health.clone());
        let mut tasks = vec![tokio::spawn(policies.run(stop.clone()))];
        if config.overlay {
            let ways = Ways::new(&config, pods.host(), api, health.part("overlay"))?;
            tasks.push(tokio::spawn(ways.run(stop.clone())));
        }
        let (tasks, _stop_when_dropped) = (Mutex::new(tasks), stop.clone().drop_guard());
        Ok(Arc::new(Self { config, pods, known, voice, gate, tasks, stop, _stop_when_dropped }))
    }

    /// The range in the node's own `spec.podCIDR`, as soon as a controller has given it one: for [`Config::pod_cidr`],
    /// before [`Self::start`]. The Node object must be registered by somebody else. Drop the future to give up.
    pub async fn own_pod_cidr(api: &Arc<dyn Api>, node_name: &str) -> Cidr {
        range::own_pod_cidr(api, node_name).await
    }

    /// Gives the pod an address and a namespace with `lo` and `eth0`, opens its host ports, and puts its network policies
    /// in force. A pod that is plugged keeps what it has.
    ///
    /// # Errors
    /// If no address is free or the kernel refuses; nothing is left of the attempt.
    pub async fn plug(&self, pod: &PodKey, host_ports: &[HostPort]) -> Result<PodNetwork, NetworkError> {
        let (pods, waiting, pod, ports) = (self.pods.clone(), pod, pod.clone(), host_ports.to_vec());
        let plugged = blocking(move || pods.plug(&pod, &ports)).await;
        if !host_ports.is_empty() {
            self.known.touch();
        }
        if let Ok(plugged) = &plugged {
            self.gate.touch();
            self.gate.pass(waiting, plugged.ip).await;
        }
        plugged
    }

    /// Takes everything from the pod; its processes are gone. One that is not plugged is no error.
    ///
    /// # Errors
    /// If the kernel refuses; call again.
    pub async fn unplug(&self, pod: &PodKey) -> Result<(), NetworkError> {
        let (pods, pod) = (self.pods.clone(), pod.clone());
        let unplugged = blocking(move || pods.unplug(&pod)).await;
        self.known.touch();
        self.gate.touch();
        unplugged
    }

    /// Every plugged pod.
    pub fn list(&self) -> Vec<(PodKey, PodNetwork)> {
        self.pods.list()
    }

    /// Unplugs every pod that is not in `live` and removes what no pod owns; returns the pods that were unplugged.
    /// To be called at start, before the first plug.
    ///
    /// # Errors
    /// If the kernel refuses; call again.
    pub async fn reconcile(&self, live: Vec<PodKey>) -> Result<Vec<PodKey>, NetworkError> {
        let pods = self.pods.clone();
        let leaked = blocking(move || pods.reconcile(&live)).await;
        self.known.touch();
        self.gate.touch();
        leaked
    }

    /// Removes everything of ours from the host. The component must not be used after that.
    ///
    /// # Errors
    /// If the kernel refuses; what could be removed is.
    pub async fn purge(&self) -> Result<(), NetworkError> {
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // It can only end; a panic has been told.
            _ = task.await;
        }
        Self::purge_all(&self.config).await
    }

    /// What [`Self::purge`] does, without a running component (`barque reset`).
    ///
    /// # Errors
    /// As [`Self::purge`].
    pub async fn purge_all(config: &Config) -> Result<(), NetworkError> {
        let for_pods = config.clone();
        let tables = [config.table.clone(), policies::table(config)].map(|table| Plan::removal(&table));
        let rules = nft::apply(&tables.concat()).await;
        blocking(move || Pods::purge(&for_pods)).await.and(rules)
    }

    /// The text of a pod's `/etc/resolv.conf`. `config` is its `dnsConfig`, options written `name:value` or `name`.
    /// Reads the node's own file.
    pub fn resolv_conf(
        &self,
        policy: DnsPolicy,
        config: Option<&Resolv>,
        host_network: bool,
        namespace: &str,
    ) -> String {
        let node = dns::node_resolv(&self.config.resolv_conf, self.config.dns_ip.into());
        let (cluster_domain, cluster_dns) = (&*self.config.cluster_domain, self.config.dns_ip.into());
        resolv_conf(&PodDns { policy, config, host_network, namespace, cluster_domain, cluster_dns, node: &node })
    }

    /// Looks whether rules of others, changed since, stop pods' traffic, and tells so in the health of `service-proxy`.
    pub async fn look_for_obstacles(&self) {
        self.voice.look().await;
    }

    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// Runs what waits for the kernel off the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NetworkError> + Send + 'static,
) -> Result<T, NetworkError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => Err(NetworkError::kernel("finish network work")(std::io::Error::other(failed))),
    }
}
