//! What pods and the node use: `stats/summary`, and numbers for `metrics.k8s.io`. Sampled only when somebody asks.

use crate::agent::{Agent, Node};
use crate::node_object::disk;
use apimachinery::Value;
use runtime::{Interface, Usage};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use stdx::{Timestamp, meminfo};

/// Rates are taken over at least this long.
const SHORTEST: Duration = Duration::from_millis(500);
/// An older sample says nothing about now.
const LONGEST: Duration = Duration::from_secs(120);

/// The sample before the last one: rates are differences.
#[derive(Default)]
pub(crate) struct Sampler(Mutex<Option<Sample>>);

#[derive(Clone)]
struct Sample {
    at: Timestamp,
    node_cpu_ns: u64,
    /// By the pod's uid and the container's name; the pod itself has an empty name.
    cpu_ns: HashMap<(String, String), u64>,
}

/// One look at the node.
#[derive(Debug, Clone, Default)]
pub struct UsageSnapshot {
    pub at: Timestamp,
    /// What the CPU rates are averages over.
    pub window: Duration,
    /// Billionths of a core.
    pub node_cpu_nano_cores: u64,
    pub node_cpu_ns: u64,
    /// Bytes.
    pub node_memory_working_set: u64,
    pub node_memory_usage: u64,
    pub node_swap: u64,
    pub pods: Vec<PodUsage>,
}

#[derive(Debug, Clone, Default)]
pub struct PodUsage {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Its control group's path below the mount points.
    pub group: String,
    pub cpu_nano_cores: u64,
    pub usage: Usage,
    pub containers: Vec<ContainerUsage>,
    /// Of the pod's own network; empty where it uses the host's.
    pub interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Default)]
pub struct ContainerUsage {
    pub name: String,
    /// The runtime's id of it, its image, its control group.
    pub id: String,
    pub image: String,
    pub group: String,
    pub started_at: Option<Timestamp>,
    /// Billionths of a core.
    pub cpu_nano_cores: u64,
    pub usage: Usage,
}

impl Node {
    /// Usage of the node, its pods and containers now. Waits half a second when there is no recent sample to compare to.
    pub async fn usage(&self) -> UsageSnapshot {
        let agent = &self.agent;
        let known = || agent.usage.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let age = |sample: &Sample| agent.clock.now().since(sample.at);
        let before = match known().filter(|sample| age(sample) <= LONGEST) {
            Some(sample) => sample,
            None => sample(agent).0,
        };
        if let Some(wait) = SHORTEST.checked_sub(age(&before)) {
            tokio::time::sleep(wait).await;
        }
        let (now, mut snapshot) = sample(agent);
        snapshot.window = now.at.since(before.at);
        let rate = |key: &(String, String)| {
            let (new, old) = (now.cpu_ns.get(key).copied().unwrap_or(0), before.cpu_ns.get(key).copied().unwrap_or(0));
            per_second(new.saturating_sub(old), snapshot.window)
        };
        for pod in &mut snapshot.pods {
            pod.cpu_nano_cores = rate(&(pod.uid.clone(), String::new()));
            for container in &mut pod.containers {
                container.cpu_nano_cores = rate(&(pod.uid.clone(), container.name.clone()));
            }
        }
        let spent = now.node_cpu_ns.saturating_sub(before.node_cpu_ns);
        snapshot.node_cpu_nano_cores = per_second(spent, snapshot.window);
        *agent.usage.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        snapshot
    }

    /// The kubelet's `/stats/summary`.
    pub(crate) async fn summary(&self) -> Value {
        let snapshot = self.usage().await;
        let at = apimachinery::time::format_seconds(snapshot.at.secs());
        let (capacity, available) = disk(&self.agent.config.data_dir);
        let pods: Vec<Value> = snapshot.pods.iter().map(|pod| pod_summary(pod, &at)).collect();
        json!({
            "node": {
                "nodeName": self.agent.config.node_name,
                "cpu": {"time": at, "usageNanoCores": snapshot.node_cpu_nano_cores, "usageCoreNanoSeconds": snapshot.node_cpu_ns},
                "memory": {
                    "time": at,
                    "availableBytes": meminfo("MemAvailable"),
                    "usageBytes": snapshot.node_memory_usage,
                    "workingSetBytes": snapshot.node_memory_working_set,
                },
                "fs": {"time": at, "availableBytes": available, "capacityBytes": capacity, "usedBytes": capacity - available},
                "runtime": {"imageFs": {"time": at, "usedBytes": self.agent.runtime.images().usage()}},
            },
            "pods": pods,
        })
    }
}

fn pod_summary(pod: &PodUsage, at: &str) -> Value {
    let containers: Vec<Value> = pod
        .containers
        .iter()
        .map(|container| {
            let mut value = usage_summary(&container.usage, container.cpu_nano_cores, at);
            value["name"] = container.name.as_str().into();
            value
        })
        .collect();
    let mut value = usage_summary(&pod.usage, pod.cpu_nano_cores, at);
    value["podRef"] = json!({"name": pod.name, "namespace": pod.namespace, "uid": pod.uid});
    value["containers"] = containers.into();
    value["process_stats"] = json!({"process_count": pod.usage.pids});
    value
}

fn usage_summary(usage: &Usage, nano_cores: u64, at: &str) -> Value {
    json!({
        "cpu": {"time": at, "usageNanoCores": nano_cores, "usageCoreNanoSeconds": usage.cpu_ns},
        "memory": {
            "time": at,
            "usageBytes": usage.memory_usage,
            "workingSetBytes": usage.memory_working_set,
            "rssBytes": usage.memory_rss,
            "pageFaults": usage.page_faults,
            "majorPageFaults": usage.major_page_faults,
        },
    })
}

fn per_second(spent: u64, window: Duration) -> u64 {
    let nanos = window.as_nanos().max(1);
    u64::try_from(u128::from(spent) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// Usage now. Rates need an earlier look: they are zero here.
pub(crate) fn look(agent: &Agent) -> UsageSnapshot {
    sample(agent).1
}

fn sample(agent: &Agent) -> (Sample, UsageSnapshot) {
    let at = agent.clock.now();
    let node_cpu_ns = node_cpu();
    let mut cpu_ns = HashMap::new();
    let mut pods = Vec::new();
    for sandbox in agent.runtime.list() {
        let Ok(stats) = sandbox.stats() else { continue };
        let spec = sandbox.spec();
        let group = format!("/{}", sandbox.cgroup().display());
        cpu_ns.insert((spec.uid.clone(), String::new()), stats.pod.cpu_ns);
        let containers = stats.containers.into_iter().filter_map(|(key, usage)| {
            cpu_ns.insert((spec.uid.clone(), key.name.clone()), usage.cpu_ns);
            let status = sandbox.container(&key)?;
            Some(ContainerUsage {
                group: format!("{group}/{key}"),
                name: key.name,
                id: status.id,
                image: status.image,
                started_at: status.started_at.and_then(timestamp),
                cpu_nano_cores: 0,
                usage,
            })
        });
        pods.push(PodUsage {
            containers: containers.collect(),
            namespace: spec.namespace.clone(),
            name: spec.name.clone(),
            uid: spec.uid.clone(),
            group: group.clone(),
            cpu_nano_cores: 0,
            usage: stats.pod,
            interfaces: stats.interfaces,
        });
    }
    let without = |free: &str| agent.machine.memory.saturating_sub(meminfo(free));
    let snapshot = UsageSnapshot {
        at,
        node_cpu_ns,
        node_memory_working_set: without("MemAvailable"),
        node_memory_usage: without("MemFree"),
        node_swap: meminfo("SwapTotal").saturating_sub(meminfo("SwapFree")),
        pods,
        ..UsageSnapshot::default()
    };
    (Sample { at, node_cpu_ns, cpu_ns }, snapshot)
}

fn timestamp(at: jiff::Timestamp) -> Option<Timestamp> {
    Duration::try_from(at.as_duration()).ok().map(Timestamp)
}

/// Busy time of all processors since boot. /proc/stat counts hundredths of a second.
fn node_cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first.split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    // user nice system, not idle iowait, then irq softirq steal
    let busy = ticks.iter().take(3).chain(ticks.iter().skip(5).take(3)).sum::<u64>();
    busy * 10_000_000
}
