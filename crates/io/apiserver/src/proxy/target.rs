//! Whom a request for `proxy` is for.
//!
//! Names are `name`, `name:port` and `scheme:name:port`. Upstream: `apimachinery/pkg/util/net/port_split.go`,
//! `pkg/registry/core/pod/strategy.go`, `core/service/storage/storage.go`, `core/node/strategy.go` (`ResourceLocation`).

use crate::handlers::Call;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Object, Reason, Value};
use client::door::AGENT_PORT;
use std::net::IpAddr;
use std::sync::Arc;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Address(Address),
    /// The agent of a node.
    Agent {
        node: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub is_tls: bool,
    pub ip: IpAddr,
    /// A number, or what the client wrote for one.
    pub port: String,
}

/// The parts of a name.
#[derive(Debug, PartialEq, Eq)]
struct Id<'a> {
    scheme: &'a str,
    name: &'a str,
    port: &'a str,
}

pub async fn find(server: &Server, call: &Call<'_>) -> ApiResult<Target> {
    let kind = call.resource.singular.as_str();
    let id =
        Id::parse(call.name).ok_or_else(|| ApiError::bad_request(format!("invalid {kind} request {:?}", call.name)))?;
    let object = get(server, call, &call.resource.gvr.resource, id.name).await?;
    match kind {
        "pod" => of_pod(&id, &object.to_value()),
        "service" => of_service(server, call, &id, &object.to_value()).await,
        _ => of_node(&id, &object.to_value()),
    }
}

async fn get(server: &Server, call: &Call<'_>, plural: &str, name: &str) -> ApiResult<Arc<Object>> {
    let resource = server.registry.table().find("", "v1", plural);
    let resource = resource.ok_or_else(|| ApiError::internal(format!("there is no resource {plural}")))?;
    server.get(&Call::new(call.user, resource, call.namespace, name), None).await
}

impl<'a> Id<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (scheme, name, port) = match parts[..] {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme, name, port] => (scheme, name, port),
            _ => return None,
        };
        (!name.is_empty() && ["", "http", "https"].contains(&scheme)).then_some(Self { scheme, name, port })
    }

    fn address(&self, ip: &str, port: &str) -> ApiResult<Target> {
        let ip = ip.parse().ok().filter(is_reachable).ok_or_else(|| ApiError::bad_request("address not allowed"))?;
        let is_tls = self.scheme == "https";
        let default = if is_tls { "443" } else { "80" };
        let port = if port.is_empty() { default } else { port };
        Ok(Target::Address(Address { is_tls, ip, port: port.to_owned() }))
    }
}

/// Not what only this machine reaches: the API server would answer for it.
fn is_reachable(ip: &IpAddr) -> bool {
    // `::ffff:127.0.0.1` is reached as 127.0.0.1 is.
    let ip = ip.to_canonical();
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || link_local)
}

/// Without a port: the first that a container names.
fn of_pod(id: &Id<'_>, pod: &Value) -> ApiResult<Target> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut first = containers.filter_map(|container| container["ports"][0]["containerPort"].as_u64());
    let port = match id.port {
        "" => first.next().map(|port| port.to_string()).unwrap_or_default(),
        port => port.to_owned(),
    };
    id.address(pod["status"]["podIP"].as_str().unwrap_or_default(), &port)
}

/// One of the pods behind it. Addresses that are no pod's of this namespace are passed over.
async fn of_service(server: &Server, call: &Call<'_>, id: &Id<'_>, service: &Value) -> ApiResult<Target> {
    let none = |name: &str| unavailable(format!("no endpoints available for service {name:?}"));
    let wanted = port_name(id, service)?;
    let endpoints = get(server, call, "endpoints", id.name).await?.to_value();
    let mut targets = Vec::new();
    for subset in endpoints["subsets"].as_array().into_iter().flatten() {
        let ports = subset["ports"].as_array().into_iter().flatten();
        let port = ports
            .filter(|port| port["name"].as_str().unwrap_or_default() == wanted)
            .find_map(|port| port["port"].as_u64());
        let addresses = subset["addresses"].as_array().into_iter().flatten();
        targets.extend(addresses.filter_map(|address| Some((address, port?))));
    }
    if targets.is_empty() {
        return Err(none(if endpoints["subsets"].is_null() { id.name } else { call.name }));
    }
    let start = usize::from(rand::random::<u16>()) % targets.len();
    targets.rotate_left(start);
    for (address, port) in targets {
        let (pod, ip) = (&address["targetRef"], address["ip"].as_str().unwrap_or_default());
        let name = pod["name"].as_str().filter(|_| pod["namespace"] == call.namespace);
        let Some(name) = name else { continue };
        let Ok(pod) = get(server, call, "pods", name).await else { continue };
        if pod.to_value()["status"]["podIP"] == ip {
            return id.address(ip, &port.to_string());
        }
    }
    Err(none(call.name))
}

/// A number means the Service's own port.
fn port_name<'a>(id: &Id<'a>, service: &'a Value) -> ApiResult<&'a str> {
    let Ok(number) = id.port.parse::<u64>() else { return Ok(id.port) };
    let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let port = ports.find(|port| port["port"] == number);
    let port = port.ok_or_else(|| unavailable(format!("no service port {number} found for service {:?}", id.name)))?;
    Ok(port["name"].as_str().unwrap_or_default())
}

fn of_node(id: &Id<'_>, node: &Value) -> ApiResult<Target> {
    let own = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().filter(|port| *port != 0);
    let is_agent = id.port.is_empty() || id.port == AGENT_PORT.to_string() || id.port.parse() == Ok(own.unwrap_or(0));
    if is_agent {
        return Ok(Target::Agent { node: id.name.to_owned() });
    }
    let mut addresses = node["status"]["addresses"].as_array().into_iter().flatten();
    let internal = addresses.find(|address| address["type"] == "InternalIP");
    id.address(internal.and_then(|address| address["address"].as_str()).unwrap_or_default(), id.port)
}

pub fn unavailable(text: String) -> ApiError {
    ApiError::new(Reason::ServiceUnavailable, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_have_up_to_three_parts() {
        let shown = |text: &str| Id::parse(text).map(|id| format!("{}|{}|{}", id.scheme, id.name, id.port));
        assert_eq!(shown("a").as_deref(), Some("|a|"));
        assert_eq!(shown("a:80").as_deref(), Some("|a|80"));
        assert_eq!(shown("https:a:web").as_deref(), Some("https|a|web"));
        assert_eq!(shown("https:a:").as_deref(), Some("https|a|"));
        assert_eq!(shown(":a:1").as_deref(), Some("|a|1"));
        for wrong in ["", "ftp:a:1", ":80", "a:b:c:d"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_pod_without_a_port_in_the_name_is_asked_at_its_first() {
        let pod = |ip: &str| json!({"spec": {"containers": [{}, {"ports": [{"containerPort": 8080}]}]}, "status": {"podIP": ip}});
        let of = |name: &str, ip: &str| match of_pod(&Id::parse(name).unwrap(), &pod(ip)) {
            Ok(Target::Address(at)) => format!("{} {}:{}", at.is_tls, at.ip, at.port),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.message().to_owned(),
        };
        assert_eq!(of("a", "10.0.0.1"), "false 10.0.0.1:8080");
        assert_eq!(of("https:a:9", "10.0.0.1"), "true 10.0.0.1:9");
        assert_eq!(of("a", "::ffff:10.0.0.1"), "false ::ffff:10.0.0.1:8080");
        let ours = ["127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255"];
        let mapped = ours.map(|ip| format!("::ffff:{ip}"));
        for ip in
            ours.into_iter().chain(mapped.iter().map(String::as_str)).chain(["::1", "fe80::1", "ff02::1", "::", ""])
        {
            assert_eq!(of("a", ip), "address not allowed", "{ip}");
        }
    }

    #[test]
    fn a_service_port_by_number_is_that_of_the_service() {
        let service = json!({"spec": {"ports": [{"name": "web", "port": 80}, {"name": "tls", "port": 443}]}});
        let of = |name: &str| {
            port_name(&Id::parse(name).unwrap(), &service).map(str::to_owned).map_err(|e| e.message().to_owned())
        };
        assert_eq!(of("s:443").as_deref(), Ok("tls"));
        assert_eq!(of("s:other").as_deref(), Ok("other"));
        assert_eq!(of("s:81"), Err("no service port 81 found for service \"s\"".to_owned()));
    }
}
