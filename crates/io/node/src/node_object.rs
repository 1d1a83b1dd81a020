//! The Node object and its Lease: registration, heartbeats, pressure.
//!
//! An idle node writes its lease every ten seconds and nothing else; its status on change, or every five minutes.

use crate::agent::Agent;
use crate::config::Config;
use apimachinery::{ApiResult, Quantity, Value};
use client::{Api, PatchKind, WriteOptions, resources};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Timestamp, meminfo};
use telemetry::health::Check;

/// Upstream: `nodeLeaseDurationSeconds` 40.
const LEASE_SECONDS: u64 = 40;
/// Upstream renews after a quarter of the lease; each renewal is a durable write, and two of these fit into a lease with
/// time to spare for tries that fail.
const RENEW: Duration = Duration::from_secs(15);
/// Upstream: `nodeStatusReportFrequency`.
const REPORT: Duration = Duration::from_secs(300);
const LEASES_NAMESPACE: &str = "kube-node-lease";
const KUBELET_VERSION: &str = "v1.35.0+barque";

/// What does not change while we run.
pub(crate) struct Machine {
    pub cpus: u64,
    /// Bytes.
    pub memory: u64,
    info: Value,
}

impl Machine {
    pub fn read() -> Self {
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        let info = json!({
            "machineID": line("/etc/machine-id"),
            "systemUUID": line("/sys/class/dmi/id/product_uuid"),
            "bootID": line("/proc/sys/kernel/random/boot_id"),
            "kernelVersion": line("/proc/sys/kernel/osrelease"),
            "osImage": pretty.unwrap_or("Linux").trim_matches('"'),
            "containerRuntimeVersion": "barque://0.1",
            "kubeletVersion": KUBELET_VERSION,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": architecture(),
        });
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        Self { cpus, memory: meminfo("MemTotal"), info }
    }

    /// An entry of the node's `status.nodeInfo`.
    pub fn info(&self, name: &str) -> &str {
        self.info[name].as_str().unwrap_or_default()
    }
}

/// What all pods together may have of the node.
pub(crate) fn allocatable(agent: &Agent) -> BTreeMap<String, Quantity> {
    let of_disk = of_disk(agent, true);
    let amounts = [("cpu", agent.machine.cpus), ("memory", of_memory(agent, true)), ("ephemeral-storage", of_disk)];
    let parsed = amounts
        .into_iter()
        .filter_map(|(name, amount)| Some((name.to_owned(), Quantity::parse(&amount.to_string()).ok()?)));
    parsed.collect()
}

/// Bytes of memory, without what eviction keeps free if they are for pods.
fn of_memory(agent: &Agent, for_pods: bool) -> u64 {
    let kept = if for_pods { agent.config.eviction.memory_available } else { 0 };
    agent.machine.memory.saturating_sub(kept)
}

fn of_disk(agent: &Agent, for_pods: bool) -> u64 {
    let (disk, _) = disk(&agent.config.data_dir);
    let kept = if for_pods { disk / 100 * u64::from(agent.config.eviction.disk_available_percent) } else { 0 };
    disk - kept
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// Usable and available bytes of the file system of a folder. Usable is what `df` reckons its percentage from: blocks
/// kept for others (root's reserve, quotas) are neither free nor filled by us.
pub(crate) fn disk(path: &Path) -> (u64, u64) {
    let of = |stat: rustix::fs::StatVfs| {
        let usable = stat.f_blocks.saturating_sub(stat.f_bfree) + stat.f_bavail;
        (usable * stat.f_frsize, stat.f_bavail * stat.f_frsize)
    };
    rustix::fs::statvfs(path).map_or((0, 0), of)
}

/// Registers, and sends heartbeats until the agent stops.
pub(crate) async fn run(agent: Arc<Agent>, health: Check) {
    let stop = agent.stop.clone();
    stop.run_until_cancelled(heartbeats(&agent, &health)).await;
}

async fn heartbeats(agent: &Agent, health: &Check) {
    let mut told: Option<(Timestamp, Pressure)> = None;
    let mut renewed: Option<Timestamp> = None;
    let mut is_registered = false;
    let mut ticks = tokio::time::interval(RENEW);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = agent.clock.now();
        let pressure = Pressure::read(&agent.config);
        // After a silence this long we have been called Unknown, and have to say otherwise.
        let was_silent = renewed.is_some_and(|at| now.since(at) >= Duration::from_secs(LEASE_SECONDS));
        let is_due = was_silent || told.is_none_or(|(at, old)| old != pressure || now.since(at) >= REPORT);
        let round = async {
            if !is_registered {
                register(&agent.config, &*agent.api).await?;
                is_registered = true;
            }
            if is_due {
                report(agent, pressure, now).await?;
                told = Some((now, pressure));
            }
            renew(agent, now).await
        };
        match round.await {
            Ok(()) => {
                renewed = Some(now);
                health.well();
            }
            Err(error) => {
                is_registered &= !error.is_not_found();
                tracing::warn!(%error, "the node could not report to the API; will retry");
                health.ill(format!("the node could not report to the API: {error}"), "see that the API server answers");
                if told.is_none() {
                    // The first time everything waits for us.
                    ticks.reset_after(Duration::from_millis(300));
                }
            }
        }
        if is_due {
            collect_images(agent).await;
        }
    }
}

/// Makes the Node object, or gives one that is there our labels. The agent does so itself; earlier, where the network
/// waits for what the cluster gives a node.
///
/// # Errors
/// The API's.
pub async fn register(config: &Config, api: &dyn Api) -> ApiResult<()> {
    let mut labels: Map<String, Value> =
        config.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    for (key, value) in [
        ("kubernetes.io/hostname", &*config.hostname),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture()),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", architecture()),
    ] {
        labels.insert(key.to_owned(), value.into());
    }
    let mut spec = Map::new();
    if !config.pod_cidr.is_empty() {
        spec.insert("podCIDR".to_owned(), config.pod_cidr.as_str().into());
        spec.insert("podCIDRs".to_owned(), json!([config.pod_cidr]));
    }
    let options = WriteOptions { subresource: "", field_manager: "kubelet" };
    let name = config.node_name.as_str();
    let mut body =
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec});
    if !config.taints.is_empty() {
        // Only of a new one: somebody may have taken them off since.
        body["spec"]["taints"] = config.taints.clone().into();
    }
    match api.create(&resources::NODES, "", body, options).await {
        Err(error) if error.is_already_exists() => {
            let old = api.get(&resources::NODES, "", name).await?;
            let has_range = old.to_value()["spec"]["podCIDR"].is_string();
            let patch = match has_range {
                true => json!({"metadata": {"labels": labels}}),
                false => json!({"metadata": {"labels": labels}, "spec": spec}),
            };
            api.patch(&resources::NODES, "", name, PatchKind::Merge, patch, options).await.map(drop)
        }
        done => done.map(drop),
    }
}

/// What is scarce on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pressure {
    memory: bool,
    disk: bool,
}

impl Pressure {
    fn read(config: &Config) -> Self {
        let (total, free) = disk(&config.data_dir);
        let least = total / 100 * u64::from(config.eviction.disk_available_percent);
        Self { memory: meminfo("MemAvailable") < config.eviction.memory_available, disk: free < least }
    }
}

async fn report(agent: &Agent, pressure: Pressure, now: Timestamp) -> ApiResult<()> {
    let old = agent.api.get(&resources::NODES, "", &agent.config.node_name).await?.to_value();
    let config = &agent.config;
    let mut addresses: Vec<Value> =
        config.addresses.iter().map(|ip| json!({"type": "InternalIP", "address": ip.to_string()})).collect();
    addresses.push(json!({"type": "Hostname", "address": config.hostname}));
    let mut patch = json!({"status": {
        "addresses": addresses,
        "capacity": amounts(agent, false),
        "allocatable": amounts(agent, true),
        "conditions": conditions(&old["status"]["conditions"], pressure, now),
        "nodeInfo": agent.machine.info,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": config.port}},
        "features": {"supplementalGroupsPolicy": true},
        "runtimeHandlers": [{"name": "", "features": {"recursiveReadOnlyMounts": true, "userNamespaces": false}}],
    }});
    // Lists of images are replaced as a whole.
    patch["status"]["images"] = images(agent);
    let options = WriteOptions { subresource: "status", field_manager: "kubelet" };
    agent.api.patch(&resources::NODES, "", &config.node_name, PatchKind::Strategic, patch, options).await.map(drop)
}

/// The largest images, by all their names. Upstream: `nodeStatusMaxImages`, `maxNamesPerImageInNodeStatus`.
fn images(agent: &Agent) -> Value {
    const MAX_IMAGES: usize = 50;
    const MAX_NAMES: usize = 5;
    let mut all = agent.runtime.images().list();
    all.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.id.cmp(&b.id)));
    let shown = all.into_iter().take(MAX_IMAGES).map(|image| {
        let names = image.repo_digests.into_iter().chain(image.repo_tags).take(MAX_NAMES).collect::<Vec<_>>();
        json!({"names": names, "sizeBytes": image.size})
    });
    shown.collect()
}

/// Capacity, or what of it pods may have: less what eviction keeps free.
fn amounts(agent: &Agent, for_pods: bool) -> Value {
    let (memory, disk) = (of_memory(agent, for_pods), of_disk(agent, for_pods));
    json!({
        "cpu": agent.machine.cpus.to_string(),
        "memory": format!("{}Ki", memory / 1024),
        "ephemeral-storage": format!("{}Ki", disk / 1024),
        "pods": agent.config.max_pods.to_string(),
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
    })
}

/// Upstream: `pkg/kubelet/nodestatus/setters.go`.
fn conditions(old: &Value, pressure: Pressure, now: Timestamp) -> Vec<Value> {
    let table = [
        ("MemoryPressure", pressure.memory, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", pressure.disk, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", true, "KubeletReady", "kubelet is posting ready status"),
    ];
    let at = apimachinery::time::format_seconds(now.secs());
    let condition = |(kind, is_true, reason, message): (&str, bool, &str, &str)| {
        let (reason, message) = match (kind, is_true) {
            ("MemoryPressure", true) => ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
            ("DiskPressure", true) => ("KubeletHasDiskPressure", "kubelet has disk pressure"),
            _ => (reason, message),
        };
        let status = if is_true { "True" } else { "False" };
        let before = old.as_array().into_iter().flatten().find(|old| old["type"] == kind && old["status"] == status);
        let since = before.map_or_else(|| Value::from(at.as_str()), |old| old["lastTransitionTime"].clone());
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": at, "lastTransitionTime": since,
        })
    };
    table.into_iter().map(condition).collect()
}

async fn renew(agent: &Agent, now: Timestamp) -> ApiResult<()> {
    let name = agent.config.node_name.as_str();
    let micros = i64::try_from(now.0.as_micros()).unwrap_or(i64::MAX);
    let at = apimachinery::time::format_micros(micros);
    let options = WriteOptions { subresource: "", field_manager: "kubelet" };
    let patch = json!({"spec": {"renewTime": at}});
    let api: &dyn Api = &*agent.api;
    match api.patch(&resources::LEASES, LEASES_NAMESPACE, name, PatchKind::Merge, patch, options).await {
        Err(error) if error.is_not_found() => {
            let node = api.get(&resources::NODES, "", name).await?;
            let body = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {
                    "name": name, "namespace": LEASES_NAMESPACE,
                    "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": node.head.uid}],
                },
                "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": at},
            });
            api.create(&resources::LEASES, LEASES_NAMESPACE, body, options).await.map(drop)
        }
        done => done.map(drop),
    }
}

/// Removes images that nobody uses when the disk is filling up.
async fn collect_images(agent: &Agent) {
    let (threshold, target) = agent.config.image_gc_percent;
    let images = agent.runtime.images();
    if !images.disk_percent().is_ok_and(|percent| percent >= threshold) {
        return;
    }
    let sandboxes = agent.runtime.list();
    let used = sandboxes.iter().flat_map(|sandbox| sandbox.status().containers).map(|container| container.image);
    let used: Vec<String> = used.filter_map(|reference| Some(images.get(&reference).ok()??.id)).collect();
    match images.collect_garbage(&used, threshold, target).await {
        Ok(removed) => tracing::info!(count = removed.len(), "removed unused images: the disk is filling up"),
        Err(error) => tracing::warn!(error = %stdx::chain(&error), "unused images could not be removed"),
    }
}
