//! Carrying out probes.
//!
//! Upstream: `pkg/probe`, `pkg/kubelet/prober/prober.go`; the texts are those of Go's network library.

mod exec;
mod grpc;
pub(crate) mod http;
mod tcp;

use crate::agent::Agent;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use pods::{Outcome, ProbeKind};
use runtime::ContainerKey;
use std::net::IpAddr;
use std::time::Duration;

/// Runs one probe of a container within its own timeout.
pub(crate) async fn run(
    agent: &Agent,
    pod: &Pod,
    uid: &str,
    key: &ContainerKey,
    kind: ProbeKind,
    ip: Option<IpAddr>,
) -> Outcome {
    let items = pods::items(pod);
    let Some(item) = items.iter().find(|item| item.name == key.name) else {
        return Outcome::Unknown("the pod has no such container".to_owned());
    };
    let (Some(probe), Some(container)) = (kind.of(item), item.container) else {
        return Outcome::Unknown("the container has no such probe".to_owned());
    };
    let timeout = Duration::from_secs(probe.timeout_seconds.unwrap_or(1).max(1).unsigned_abs().into());
    if let Some(action) = &probe.exec {
        let Some(sandbox) = agent.runtime.get(uid) else { return Outcome::Unknown("the pod's sandbox is gone".into()) };
        return exec::run(&sandbox, key, action.command.as_deref().unwrap_or_default(), timeout).await;
    }
    if let Some(action) = &probe.http_get {
        return http::probe(container, action, ip, timeout).await;
    }
    let result = if let Some(action) = &probe.tcp_socket {
        tcp::connect(container, action, ip, timeout).await
    } else if let Some(action) = &probe.grpc {
        grpc::check(action, ip, timeout).await
    } else {
        return Outcome::Unknown("missing probe handler".to_owned());
    };
    match result {
        Ok(()) => Outcome::Success,
        Err(text) => Outcome::Failure(text),
    }
}

/// The number of a port that may be named.
pub(crate) fn port(container: &Container, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten().find(|port| port.name.as_deref() == Some(name));
            match named.map(|port| port.container_port).or_else(|| name.parse().ok()) {
                Some(number) => number,
                None => return Err(format!("couldn't find port: {name:?} in pod container")),
            }
        }
    };
    u16::try_from(number).ok().filter(|port| *port > 0).ok_or_else(|| format!("invalid port number: {number}"))
}

/// `dial tcp 10.0.0.1:80: connect: connection refused`
pub(crate) fn dial_error(address: &str, error: &std::io::Error) -> String {
    let text = match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        std::io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        std::io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        std::io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {address}: {text}")
}

/// The host a probe goes to: its own, or the pod's address.
pub(crate) fn host(own: Option<&str>, ip: Option<IpAddr>) -> Result<String, String> {
    match (own.filter(|host| !host.is_empty()), ip) {
        (Some(host), _) => Ok(host.to_owned()),
        (None, Some(ip)) => Ok(ip.to_string()),
        (None, None) => Err("the pod has no address yet".to_owned()),
    }
}

/// `host:port`, with brackets around IPv6 addresses.
pub(crate) fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
