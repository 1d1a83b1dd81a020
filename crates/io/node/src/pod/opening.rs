//! Whether a container without a readiness probe has opened the ports it declares.
//!
//! Such a container is ready as soon as it runs, and a Service sends clients to it then. Upstream's kubelet looks at its
//! containers once a second, so that a server has had time to listen before anybody hears of it. We hear of it at once:
//! without this, the first clients after a rolling update would be refused. Nobody waits longer than upstream's second,
//! and a container that listens is ready within some milliseconds.

use super::Task;
use k8s_openapi::api::core::v1::{Container, Pod};
use runtime::{ContainerState, ContainerStatus};
use std::collections::BTreeSet;
use std::time::Duration;
use stdx::Timestamp;

/// Upstream: `genericPlegRelistPeriod`.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks, at least; a container that takes its time is looked at less often.
const LOOK: Duration = Duration::from_millis(10);

impl Task {
    /// Until it listens on all its TCP ports, or has had its time. Notes when to look again.
    pub(super) fn is_opening(&mut self, pod: &Pod, status: &ContainerStatus, now: Timestamp) -> bool {
        let (ContainerState::Running, Some(since), Some(pid)) = (status.state, status.started_at, status.pid) else {
            return false;
        };
        let key = (status.key.name.clone(), status.key.attempt);
        if self.opened.contains(&key) {
            return false;
        }
        let age = Duration::saturating_sub(now.0, super::see::timestamp(since).0);
        let ports = ports(pod, &status.key.name);
        if age >= PATIENCE || ports.is_empty() || ports.is_subset(&listening(pid)) {
            self.opened.insert(key);
            return false;
        }
        self.open_at = Some(now + LOOK.max(age / 8));
        true
    }
}

/// The TCP ports by which a container can be seen to be open; none where a probe says it, or where the port is the
/// node's own, which another may hold.
fn ports(pod: &Pod, name: &str) -> BTreeSet<u16> {
    let spec = pod.spec.as_ref();
    if spec.and_then(|spec| spec.host_network).unwrap_or(false) {
        return BTreeSet::new();
    }
    let Some(container) = spec.and_then(|spec| spec.containers.iter().find(|container| container.name == name)) else {
        return BTreeSet::new();
    };
    declared(container)
}

fn declared(container: &Container) -> BTreeSet<u16> {
    if container.readiness_probe.is_some() {
        return BTreeSet::new();
    }
    let ports = container.ports.iter().flatten().filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
    ports.filter_map(|port| port.container_port.try_into().ok()).collect()
}

/// TCP ports that somebody listens on in the network of a process.
fn listening(pid: i32) -> BTreeSet<u16> {
    let tables = ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")));
    // A process that is gone listens on nothing.
    tables.iter().flatten().flat_map(|table| table.lines().filter_map(listener)).collect()
}

/// The port of a line of `/proc/net/tcp`, if it is a listener's: `0: 00000000:1791 00000000:0000 0A …`.
fn listener(line: &str) -> Option<u16> {
    const LISTEN: &str = "0A";
    let mut words = line.split_whitespace().skip(1);
    let (local, state) = (words.next()?, words.nth(1)?);
    let port = local.rsplit_once(':')?.1;
    if state == LISTEN { u16::from_str_radix(port, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{ContainerPort, Probe};

    #[test]
    fn a_listener_is_seen_while_it_listens() {
        let ours = || listening(std::process::id().cast_signed());
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let six = std::net::TcpListener::bind("[::1]:0").unwrap();
        let ports = [&socket, &six].map(|socket| socket.local_addr().unwrap().port());
        assert!(ports.iter().all(|port| ours().contains(port)), "{ports:?} {:?}", ours());
        drop(socket);
        assert!(!ours().contains(&ports[0]));
    }

    #[test]
    fn lines_of_the_kernel() {
        assert_eq!(listener("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when"), None);
        let line = |state: &str| format!("   0: 00000000:1791 00000000:0000 {state} 00000000:00000000 00:00000000 0 0");
        assert_eq!(listener(&line("0A")), Some(6033));
        assert_eq!(listener(&line("01")), None, "established");
    }

    #[test]
    fn declared_tcp_ports_count_where_no_probe_says_more() {
        let port = |number, protocol: Option<&str>| ContainerPort {
            container_port: number,
            protocol: protocol.map(str::to_owned),
            ..ContainerPort::default()
        };
        let ports = vec![port(6033, None), port(6032, Some("TCP")), port(53, Some("UDP"))];
        let mut container = Container { ports: Some(ports), ..Container::default() };
        assert_eq!(declared(&container), BTreeSet::from([6032, 6033]));
        container.readiness_probe = Some(Probe::default());
        assert_eq!(declared(&container), BTreeSet::new());
    }
}
