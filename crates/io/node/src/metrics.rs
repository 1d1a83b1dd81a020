//! What Prometheus reads of the node, under the kubelet's paths and names. Looked up when it asks; nothing is kept.
//!
//! Upstream: `pkg/kubelet/metrics`, `pkg/kubelet/metrics/collectors/resource_metrics.go`, cAdvisor's
//! `metrics/prometheus.go`. Left out is what upstream has and we do not measure: file systems, devices, load. There is
//! no container that holds a pod's namespaces, so that a pod's network stands with the pod's own group.

use crate::agent::{Agent, Node};
use crate::node_object::Machine;
use crate::stats::{UsageSnapshot, look};
use client::door::NodeMetrics;
use runtime::{ContainerState, Interface, Usage};
use stdx::Timestamp;
use telemetry::exposition::{Exposition, Kind};
use telemetry::process;

impl Node {
    /// The text of one of the kubelet's paths.
    pub(crate) fn exposition(&self, of: NodeMetrics) -> String {
        let mut text = Exposition::default();
        match of {
            NodeMetrics::Agent => {
                Running::count(&self.agent).describe(&self.agent.config.node_name, &mut text);
                process::describe(&mut text);
            }
            NodeMetrics::Cadvisor => {
                let machine = machine(&self.agent.machine);
                cadvisor(&look(&self.agent), &machine, &mut text);
            }
            NodeMetrics::Resource => resource(&look(&self.agent), &mut text),
        }
        text.finish()
    }
}

#[derive(Default)]
struct Running {
    pods: u32,
    created: u32,
    running: u32,
    exited: u32,
}

impl Running {
    fn count(agent: &Agent) -> Self {
        let mut found = Self::default();
        for sandbox in agent.runtime.list() {
            let status = sandbox.status();
            found.pods += u32::from(status.alive);
            for container in status.containers {
                match container.state {
                    ContainerState::Created => found.created += 1,
                    ContainerState::Running => found.running += 1,
                    ContainerState::Exited => found.exited += 1,
                }
            }
        }
        found
    }

    fn describe(&self, node: &str, text: &mut Exposition) {
        let help = "[ALPHA] The node's name. The count is always 1.";
        text.family("kubelet_node_name", Kind::Gauge, help).add(&[("node", node)], 1.0, None);
        let help = "[ALPHA] Number of containers currently running";
        let mut containers = text.family("kubelet_running_containers", Kind::Gauge, help);
        for (state, count) in [("created", self.created), ("exited", self.exited), ("running", self.running)] {
            containers.add(&[("container_state", state)], count.into(), None);
        }
        let help = "[ALPHA] Number of pods that have a running pod sandbox";
        text.family("kubelet_running_pods", Kind::Gauge, help).add(&[], self.pods.into(), None);
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A name in `/metrics/resource`, what it means and how it is read.
type Resource = (&'static str, Kind, &'static str, fn(&Usage) -> f64);

const OF_CONTAINERS: [Resource; 3] = [
    (
        "container_cpu_usage_seconds_total",
        Kind::Counter,
        "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
        |usage| seconds(usage.cpu_ns),
    ),
    (
        "container_memory_working_set_bytes",
        Kind::Gauge,
        "[STABLE] Current working set of the container in bytes",
        |usage| usage.memory_working_set as f64,
    ),
    (
        "container_swap_usage_bytes",
        Kind::Gauge,
        "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems",
        |usage| usage.memory_swap as f64,
    ),
];

const OF_PODS: [Resource; 3] = [
    (
        "pod_cpu_usage_seconds_total",
        Kind::Counter,
        "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
        |usage| seconds(usage.cpu_ns),
    ),
    ("pod_memory_working_set_bytes", Kind::Gauge, "[STABLE] Current working set of the pod in bytes", |usage| {
        usage.memory_working_set as f64
    }),
    (
        "pod_swap_usage_bytes",
        Kind::Gauge,
        "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems",
        |usage| usage.memory_swap as f64,
    ),
];

fn resource(seen: &UsageSnapshot, text: &mut Exposition) {
    let at = Some(seen.at);
    let of_pods = || seen.pods.iter().map(|pod| (pod, [("pod", pod.name.as_str()), ("namespace", &pod.namespace)]));
    let of_containers = || {
        of_pods().flat_map(|(pod, [name, namespace])| {
            pod.containers.iter().map(move |own| (own, [("container", own.name.as_str()), name, namespace]))
        })
    };
    let help = "[STABLE] Start time of the container since unix epoch in seconds";
    let mut starts = text.family("container_start_time_seconds", Kind::Gauge, help);
    for (container, labels) in of_containers() {
        if let Some(Timestamp(started)) = container.started_at {
            starts.add(&labels, started.as_secs_f64(), None);
        }
    }
    for (name, kind, help, value) in OF_CONTAINERS {
        let mut family = text.family(name, kind, help);
        for (container, labels) in of_containers() {
            family.add(&labels, value(&container.usage), at);
        }
    }
    let help = "[STABLE] Cumulative cpu time consumed by the node in core-seconds";
    let mut node = text.family("node_cpu_usage_seconds_total", Kind::Counter, help);
    node.add(&[], seconds(seen.node_cpu_ns), at);
    let help = "[STABLE] Current working set of the node in bytes";
    let mut node = text.family("node_memory_working_set_bytes", Kind::Gauge, help);
    node.add(&[], seen.node_memory_working_set as f64, at);
    let help = "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems";
    text.family("node_swap_usage_bytes", Kind::Gauge, help).add(&[], seen.node_swap as f64, at);
    for (name, kind, help, value) in OF_PODS {
        let mut family = text.family(name, kind, help);
        for (pod, labels) in of_pods() {
            family.add(&labels, value(&pod.usage), at);
        }
    }
    let help = "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise";
    let failed = seen.node_cpu_ns == 0;
    text.family("resource_scrape_error", Kind::Gauge, help).add(&[], f64::from(u8::from(failed)), None);
}

/// A name in `/metrics/cadvisor`. Where a value is None there is no series.
struct Measure {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    labels: &'static [(&'static str, &'static str)],
    /// Whether the value carries the time of the sample; settings do not.
    is_timed: bool,
    of: fn(&Usage) -> Option<f64>,
    of_node: fn(&UsageSnapshot) -> Option<f64>,
}

const fn gauge(name: &'static str, help: &'static str, of: fn(&Usage) -> Option<f64>) -> Measure {
    Measure { name, kind: Kind::Gauge, help, labels: &[], is_timed: true, of, of_node: |_| None }
}

const fn counter(name: &'static str, help: &'static str, of: fn(&Usage) -> Option<f64>) -> Measure {
    Measure { kind: Kind::Counter, ..gauge(name, help, of) }
}

const fn setting(name: &'static str, help: &'static str, of: fn(&Usage) -> Option<f64>) -> Measure {
    Measure { is_timed: false, ..gauge(name, help, of) }
}

const FAILURES: &str = "Cumulative count of memory allocation failures.";

/// Values of one name stand together.
const MEASURES: [Measure; 18] = [
    counter("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", |usage| {
        (usage.cpu_quota_us > 0).then_some(usage.cpu_periods as f64)
    }),
    counter("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", |usage| {
        (usage.cpu_quota_us > 0).then_some(usage.cpu_throttled_periods as f64)
    }),
    counter(
        "container_cpu_cfs_throttled_seconds_total",
        "Total time duration the container has been throttled.",
        |usage| (usage.cpu_quota_us > 0).then_some(seconds(usage.cpu_throttled_ns)),
    ),
    counter("container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", |usage| {
        Some(seconds(usage.cpu_system_ns))
    }),
    Measure {
        labels: &[("cpu", "total")],
        of_node: |seen| Some(seconds(seen.node_cpu_ns)),
        ..counter("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", |usage| {
            Some(seconds(usage.cpu_ns))
        })
    },
    counter("container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", |usage| {
        Some(seconds(usage.cpu_user_ns))
    }),
    gauge("container_memory_cache", "Number of bytes of page cache memory.", |usage| Some(usage.memory_cache as f64)),
    Measure {
        labels: &[("failure_type", "pgfault"), ("scope", "hierarchy")],
        ..counter("container_memory_failures_total", FAILURES, |usage| Some(usage.page_faults as f64))
    },
    Measure {
        labels: &[("failure_type", "pgmajfault"), ("scope", "hierarchy")],
        ..counter("container_memory_failures_total", FAILURES, |usage| Some(usage.major_page_faults as f64))
    },
    gauge("container_memory_mapped_file", "Size of memory mapped files in bytes.", |usage| {
        Some(usage.memory_mapped_file as f64)
    }),
    gauge("container_memory_rss", "Size of RSS in bytes.", |usage| Some(usage.memory_rss as f64)),
    Measure {
        of_node: |seen| Some(seen.node_swap as f64),
        ..gauge("container_memory_swap", "Container swap usage in bytes.", |usage| Some(usage.memory_swap as f64))
    },
    Measure {
        of_node: |seen| Some(seen.node_memory_usage as f64),
        ..gauge(
            "container_memory_usage_bytes",
            "Current memory usage in bytes, including all memory regardless of when it was accessed",
            |usage| Some(usage.memory_usage as f64),
        )
    },
    Measure {
        of_node: |seen| Some(seen.node_memory_working_set as f64),
        ..gauge("container_memory_working_set_bytes", "Current working set in bytes.", |usage| {
            Some(usage.memory_working_set as f64)
        })
    },
    setting("container_spec_cpu_period", "CPU period of the container.", |usage| {
        (usage.cpu_period_us > 0).then_some(usage.cpu_period_us as f64)
    }),
    setting("container_spec_cpu_quota", "CPU quota of the container.", |usage| {
        (usage.cpu_quota_us > 0).then_some(usage.cpu_quota_us as f64)
    }),
    setting("container_spec_memory_limit_bytes", "Memory limit for the container.", |usage| {
        Some(usage.memory_limit as f64)
    }),
    gauge("container_threads", "Number of threads running inside the container", |usage| Some(usage.pids as f64)),
];

/// A counter of traffic.
type Traffic = (&'static str, &'static str, fn(&Interface) -> u64);

const TRAFFIC: [Traffic; 8] = [
    ("container_network_receive_bytes_total", "Cumulative count of bytes received", |seen| seen.received.bytes),
    ("container_network_receive_errors_total", "Cumulative count of errors encountered while receiving", |seen| {
        seen.received.errors
    }),
    (
        "container_network_receive_packets_dropped_total",
        "Cumulative count of packets dropped while receiving",
        |seen| seen.received.dropped,
    ),
    ("container_network_receive_packets_total", "Cumulative count of packets received", |seen| seen.received.packets),
    ("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", |seen| seen.sent.bytes),
    ("container_network_transmit_errors_total", "Cumulative count of errors encountered while transmitting", |seen| {
        seen.sent.errors
    }),
    (
        "container_network_transmit_packets_dropped_total",
        "Cumulative count of packets dropped while transmitting",
        |seen| seen.sent.dropped,
    ),
    ("container_network_transmit_packets_total", "Cumulative count of packets transmitted", |seen| seen.sent.packets),
];

/// The machine's share of `/metrics/cadvisor`: labels, processors, bytes of memory.
type Hardware<'a> = ([(&'static str, &'a str); 3], u64, u64);

fn machine(machine: &Machine) -> Hardware<'_> {
    let labels = [("boot_id", "bootID"), ("machine_id", "machineID"), ("system_uuid", "systemUUID")];
    (labels.map(|(label, field)| (label, machine.info(field))), machine.cpus, machine.memory)
}

/// Upstream's labels, in its order; what does not apply is empty.
fn labels<'a>(
    [container, id, image, name, namespace, pod]: [&'a str; 6],
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut labels = vec![
        ("container", container),
        ("id", id),
        ("image", image),
        ("name", name),
        ("namespace", namespace),
        ("pod", pod),
    ];
    labels.extend(more);
    labels.sort_unstable();
    labels
}

fn cadvisor(seen: &UsageSnapshot, (machine, cpus, memory): &Hardware<'_>, text: &mut Exposition) {
    let mut groups = Vec::new();
    for pod in &seen.pods {
        groups.push((["", pod.group.as_str(), "", "", &pod.namespace, &pod.name], &pod.usage, None));
        for own in &pod.containers {
            let identity = [own.name.as_str(), &own.group, &own.image, &own.id, &pod.namespace, &pod.name];
            groups.push((identity, &own.usage, own.started_at));
        }
    }
    for same in MEASURES.chunk_by(|one, next| one.name == next.name) {
        let mut family = text.family(same[0].name, same[0].kind, same[0].help);
        for measure in same {
            let at = Some(seen.at).filter(|_| measure.is_timed);
            if let Some(value) = (measure.of_node)(seen) {
                family.add(&labels(["", "/", "", "", "", ""], measure.labels), value, at);
            }
            for (identity, usage, _) in &groups {
                if let Some(value) = (measure.of)(usage) {
                    family.add(&labels(*identity, measure.labels), value, at);
                }
            }
        }
    }
    for (name, help, count) in TRAFFIC {
        let mut family = text.family(name, Kind::Counter, help);
        for pod in &seen.pods {
            for interface in &pod.interfaces {
                let identity = ["", pod.group.as_str(), "", "", &pod.namespace, &pod.name];
                let labels = labels(identity, &[("interface", &interface.name)]);
                family.add(&labels, count(interface) as f64, Some(seen.at));
            }
        }
    }
    let help = "Start time of the container since unix epoch in seconds.";
    let mut family = text.family("container_start_time_seconds", Kind::Gauge, help);
    for (identity, _, started_at) in &groups {
        if let Some(started_at) = started_at {
            family.add(&labels(*identity, &[]), started_at.secs() as f64, None);
        }
    }
    let help = "1 if there was an error while getting container metrics, 0 otherwise";
    text.family("container_scrape_error", Kind::Gauge, help).add(&[], 0.0, None);
    let help = "Number of logical CPU cores.";
    text.family("machine_cpu_cores", Kind::Gauge, help).add(machine, *cpus as f64, None);
    let help = "Amount of memory installed on the machine.";
    text.family("machine_memory_bytes", Kind::Gauge, help).add(machine, *memory as f64, None);
}

#[cfg(test)]
mod tests;
