//! What a scraper reads, word by word.

use super::*;
use crate::stats::{ContainerUsage, PodUsage};
use expect_test::{Expect, expect};
use std::time::Duration;

fn seen() -> UsageSnapshot {
    let usage = Usage {
        cpu_ns: 1_250_000_000,
        cpu_user_ns: 1_000_000_000,
        cpu_system_ns: 250_000_000,
        cpu_quota_us: 50_000,
        cpu_period_us: 100_000,
        cpu_periods: 40,
        cpu_throttled_periods: 3,
        cpu_throttled_ns: 1_500_000,
        memory_usage: 40_000,
        memory_working_set: 30_000,
        memory_rss: 20_000,
        memory_cache: 10_000,
        memory_mapped_file: 5_000,
        memory_swap: 0,
        memory_limit: 1 << 26,
        page_faults: 7,
        major_page_faults: 1,
        pids: 2,
    };
    let container = ContainerUsage {
        name: "main".into(),
        id: "0abc".into(),
        image: "busybox:1".into(),
        group: "/barque/burstable/podu/main.0".into(),
        started_at: Some(Timestamp(Duration::from_millis(1_700_000_000_500))),
        cpu_nano_cores: 0,
        usage,
    };
    let traffic = |bytes| runtime::Traffic { bytes, packets: 3, errors: 2, dropped: 1 };
    let pod = PodUsage {
        namespace: "default".into(),
        name: "p".into(),
        uid: "u".into(),
        group: "/barque/burstable/podu".into(),
        cpu_nano_cores: 0,
        usage: Usage { cpu_quota_us: 0, memory_limit: 0, ..usage },
        containers: vec![container],
        interfaces: vec![Interface { name: "eth0".into(), received: traffic(100), sent: traffic(200) }],
    };
    UsageSnapshot {
        at: Timestamp(Duration::from_millis(1_700_000_060_000)),
        node_cpu_ns: 90_000_000_000,
        node_memory_working_set: 1 << 30,
        node_memory_usage: 1 << 31,
        pods: vec![pod],
        ..UsageSnapshot::default()
    }
}

fn check(describe: impl FnOnce(&mut Exposition), wanted: &Expect) {
    let mut text = Exposition::default();
    describe(&mut text);
    wanted.assert_eq(&text.finish());
}

#[test]
fn the_agent_counts_what_runs() {
    let running = Running { pods: 2, created: 0, running: 3, exited: 1 };
    check(
        |text| running.describe("node1", text),
        &expect![[r##"
        # HELP kubelet_node_name [ALPHA] The node's name. The count is always 1.
        # TYPE kubelet_node_name gauge
        kubelet_node_name{node="node1"} 1
        # HELP kubelet_running_containers [ALPHA] Number of containers currently running
        # TYPE kubelet_running_containers gauge
        kubelet_running_containers{container_state="created"} 0
        kubelet_running_containers{container_state="exited"} 1
        kubelet_running_containers{container_state="running"} 3
        # HELP kubelet_running_pods [ALPHA] Number of pods that have a running pod sandbox
        # TYPE kubelet_running_pods gauge
        kubelet_running_pods 2
    "##]],
    );
}

#[test]
fn resources_are_named_as_the_kubelet_names_them() {
    check(
        |text| resource(&seen(), text),
        &expect![[r##"
        # HELP container_start_time_seconds [STABLE] Start time of the container since unix epoch in seconds
        # TYPE container_start_time_seconds gauge
        container_start_time_seconds{container="main",pod="p",namespace="default"} 1700000000.5
        # HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
        # TYPE container_cpu_usage_seconds_total counter
        container_cpu_usage_seconds_total{container="main",pod="p",namespace="default"} 1.25 1700000060000
        # HELP container_memory_working_set_bytes [STABLE] Current working set of the container in bytes
        # TYPE container_memory_working_set_bytes gauge
        container_memory_working_set_bytes{container="main",pod="p",namespace="default"} 30000 1700000060000
        # HELP container_swap_usage_bytes [ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems
        # TYPE container_swap_usage_bytes gauge
        container_swap_usage_bytes{container="main",pod="p",namespace="default"} 0 1700000060000
        # HELP node_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the node in core-seconds
        # TYPE node_cpu_usage_seconds_total counter
        node_cpu_usage_seconds_total 90 1700000060000
        # HELP node_memory_working_set_bytes [STABLE] Current working set of the node in bytes
        # TYPE node_memory_working_set_bytes gauge
        node_memory_working_set_bytes 1073741824 1700000060000
        # HELP node_swap_usage_bytes [ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems
        # TYPE node_swap_usage_bytes gauge
        node_swap_usage_bytes 0 1700000060000
        # HELP pod_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the pod in core-seconds
        # TYPE pod_cpu_usage_seconds_total counter
        pod_cpu_usage_seconds_total{pod="p",namespace="default"} 1.25 1700000060000
        # HELP pod_memory_working_set_bytes [STABLE] Current working set of the pod in bytes
        # TYPE pod_memory_working_set_bytes gauge
        pod_memory_working_set_bytes{pod="p",namespace="default"} 30000 1700000060000
        # HELP pod_swap_usage_bytes [ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems
        # TYPE pod_swap_usage_bytes gauge
        pod_swap_usage_bytes{pod="p",namespace="default"} 0 1700000060000
        # HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 otherwise
        # TYPE resource_scrape_error gauge
        resource_scrape_error 0
    "##]],
    );
}

#[test]
fn containers_are_described_as_cadvisor_does() {
    let machine = ([("boot_id", "b"), ("machine_id", "m"), ("system_uuid", "s")], 2, 4 << 30);
    check(
        |text| cadvisor(&seen(), &machine, text),
        &expect![[r##"
        # HELP container_cpu_cfs_periods_total Number of elapsed enforcement period intervals.
        # TYPE container_cpu_cfs_periods_total counter
        container_cpu_cfs_periods_total{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 40 1700000060000
        # HELP container_cpu_cfs_throttled_periods_total Number of throttled period intervals.
        # TYPE container_cpu_cfs_throttled_periods_total counter
        container_cpu_cfs_throttled_periods_total{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 3 1700000060000
        # HELP container_cpu_cfs_throttled_seconds_total Total time duration the container has been throttled.
        # TYPE container_cpu_cfs_throttled_seconds_total counter
        container_cpu_cfs_throttled_seconds_total{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 0.0015 1700000060000
        # HELP container_cpu_system_seconds_total Cumulative system cpu time consumed in seconds.
        # TYPE container_cpu_system_seconds_total counter
        container_cpu_system_seconds_total{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 0.25 1700000060000
        container_cpu_system_seconds_total{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 0.25 1700000060000
        # HELP container_cpu_usage_seconds_total Cumulative cpu time consumed in seconds.
        # TYPE container_cpu_usage_seconds_total counter
        container_cpu_usage_seconds_total{container="",cpu="total",id="/",image="",name="",namespace="",pod=""} 90 1700000060000
        container_cpu_usage_seconds_total{container="",cpu="total",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 1.25 1700000060000
        container_cpu_usage_seconds_total{container="main",cpu="total",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 1.25 1700000060000
        # HELP container_cpu_user_seconds_total Cumulative user cpu time consumed in seconds.
        # TYPE container_cpu_user_seconds_total counter
        container_cpu_user_seconds_total{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 1 1700000060000
        container_cpu_user_seconds_total{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 1 1700000060000
        # HELP container_memory_cache Number of bytes of page cache memory.
        # TYPE container_memory_cache gauge
        container_memory_cache{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 10000 1700000060000
        container_memory_cache{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 10000 1700000060000
        # HELP container_memory_failures_total Cumulative count of memory allocation failures.
        # TYPE container_memory_failures_total counter
        container_memory_failures_total{container="",failure_type="pgfault",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p",scope="hierarchy"} 7 1700000060000
        container_memory_failures_total{container="main",failure_type="pgfault",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p",scope="hierarchy"} 7 1700000060000
        container_memory_failures_total{container="",failure_type="pgmajfault",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p",scope="hierarchy"} 1 1700000060000
        container_memory_failures_total{container="main",failure_type="pgmajfault",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p",scope="hierarchy"} 1 1700000060000
        # HELP container_memory_mapped_file Size of memory mapped files in bytes.
        # TYPE container_memory_mapped_file gauge
        container_memory_mapped_file{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 5000 1700000060000
        container_memory_mapped_file{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 5000 1700000060000
        # HELP container_memory_rss Size of RSS in bytes.
        # TYPE container_memory_rss gauge
        container_memory_rss{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 20000 1700000060000
        container_memory_rss{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 20000 1700000060000
        # HELP container_memory_swap Container swap usage in bytes.
        # TYPE container_memory_swap gauge
        container_memory_swap{container="",id="/",image="",name="",namespace="",pod=""} 0 1700000060000
        container_memory_swap{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 0 1700000060000
        container_memory_swap{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 0 1700000060000
        # HELP container_memory_usage_bytes Current memory usage in bytes, including all memory regardless of when it was accessed
        # TYPE container_memory_usage_bytes gauge
        container_memory_usage_bytes{container="",id="/",image="",name="",namespace="",pod=""} 2147483648 1700000060000
        container_memory_usage_bytes{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 40000 1700000060000
        container_memory_usage_bytes{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 40000 1700000060000
        # HELP container_memory_working_set_bytes Current working set in bytes.
        # TYPE container_memory_working_set_bytes gauge
        container_memory_working_set_bytes{container="",id="/",image="",name="",namespace="",pod=""} 1073741824 1700000060000
        container_memory_working_set_bytes{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 30000 1700000060000
        container_memory_working_set_bytes{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 30000 1700000060000
        # HELP container_spec_cpu_period CPU period of the container.
        # TYPE container_spec_cpu_period gauge
        container_spec_cpu_period{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 100000
        container_spec_cpu_period{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 100000
        # HELP container_spec_cpu_quota CPU quota of the container.
        # TYPE container_spec_cpu_quota gauge
        container_spec_cpu_quota{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 50000
        # HELP container_spec_memory_limit_bytes Memory limit for the container.
        # TYPE container_spec_memory_limit_bytes gauge
        container_spec_memory_limit_bytes{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 0
        container_spec_memory_limit_bytes{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 67108864
        # HELP container_threads Number of threads running inside the container
        # TYPE container_threads gauge
        container_threads{container="",id="/barque/burstable/podu",image="",name="",namespace="default",pod="p"} 2 1700000060000
        container_threads{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 2 1700000060000
        # HELP container_network_receive_bytes_total Cumulative count of bytes received
        # TYPE container_network_receive_bytes_total counter
        container_network_receive_bytes_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 100 1700000060000
        # HELP container_network_receive_errors_total Cumulative count of errors encountered while receiving
        # TYPE container_network_receive_errors_total counter
        container_network_receive_errors_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 2 1700000060000
        # HELP container_network_receive_packets_dropped_total Cumulative count of packets dropped while receiving
        # TYPE container_network_receive_packets_dropped_total counter
        container_network_receive_packets_dropped_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 1 1700000060000
        # HELP container_network_receive_packets_total Cumulative count of packets received
        # TYPE container_network_receive_packets_total counter
        container_network_receive_packets_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 3 1700000060000
        # HELP container_network_transmit_bytes_total Cumulative count of bytes transmitted
        # TYPE container_network_transmit_bytes_total counter
        container_network_transmit_bytes_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 200 1700000060000
        # HELP container_network_transmit_errors_total Cumulative count of errors encountered while transmitting
        # TYPE container_network_transmit_errors_total counter
        container_network_transmit_errors_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 2 1700000060000
        # HELP container_network_transmit_packets_dropped_total Cumulative count of packets dropped while transmitting
        # TYPE container_network_transmit_packets_dropped_total counter
        container_network_transmit_packets_dropped_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 1 1700000060000
        # HELP container_network_transmit_packets_total Cumulative count of packets transmitted
        # TYPE container_network_transmit_packets_total counter
        container_network_transmit_packets_total{container="",id="/barque/burstable/podu",image="",interface="eth0",name="",namespace="default",pod="p"} 3 1700000060000
        # HELP container_start_time_seconds Start time of the container since unix epoch in seconds.
        # TYPE container_start_time_seconds gauge
        container_start_time_seconds{container="main",id="/barque/burstable/podu/main.0",image="busybox:1",name="0abc",namespace="default",pod="p"} 1700000000
        # HELP container_scrape_error 1 if there was an error while getting container metrics, 0 otherwise
        # TYPE container_scrape_error gauge
        container_scrape_error 0
        # HELP machine_cpu_cores Number of logical CPU cores.
        # TYPE machine_cpu_cores gauge
        machine_cpu_cores{boot_id="b",machine_id="m",system_uuid="s"} 2
        # HELP machine_memory_bytes Amount of memory installed on the machine.
        # TYPE machine_memory_bytes gauge
        machine_memory_bytes{boot_id="b",machine_id="m",system_uuid="s"} 4294967296
    "##]],
    );
}
