//! Fields of a pod and resources of a container as text: for environment and downward API files.
//!
//! Upstream: `pkg/fieldpath/fieldpath.go`, `pkg/api/v1/resource/helpers.go` (`ExtractContainerResourceValue`).

use crate::agent::Agent;
use apimachinery::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The text of a field, or the reason why there is none.
pub(crate) fn field(agent: &Agent, pod: &Pod, path: &str, ips: &[IpAddr]) -> Result<String, String> {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let list = |ips: &[IpAddr]| ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let first = |ips: &[IpAddr]| ips.first().map(ToString::to_string).unwrap_or_default();
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => lines(meta.labels.as_ref()),
        "metadata.annotations" => lines(meta.annotations.as_ref()),
        "spec.nodeName" => agent.config.node_name.clone(),
        "spec.serviceAccountName" => text(&pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone())),
        "status.hostIP" => first(&agent.config.addresses),
        "status.hostIPs" => list(&agent.config.addresses),
        "status.podIP" => first(ips),
        "status.podIPs" => list(ips),
        _ => match subscript(path) {
            Some(("metadata.labels", key)) => entry(meta.labels.as_ref(), key),
            Some(("metadata.annotations", key)) => entry(meta.annotations.as_ref(), key),
            _ => return Err(format!("unsupported fieldPath: {path}")),
        },
    })
}

/// `metadata.labels['app']`
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once("['")?;
    Some((map, rest.strip_suffix("']")?))
}

fn entry(map: Option<&BTreeMap<String, String>>, key: &str) -> String {
    map.and_then(|map| map.get(key)).cloned().unwrap_or_default()
}

/// `key="value"` lines, as Go's `%q` writes them.
fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

/// The text of a container's resource; limits that are not set are what the node has for pods.
pub(crate) fn resource_field(
    agent: &Agent,
    pod: &Pod,
    own: Option<&Container>,
    of: &ResourceFieldSelector,
) -> Result<String, String> {
    let named = of.container_name.as_deref().filter(|name| !name.is_empty());
    let mut all = pod.spec.iter().flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()));
    let container = match named {
        Some(name) => {
            all.find(|container| container.name == name).ok_or_else(|| format!("container {name} not found"))?
        }
        None => own.ok_or("a resourceFieldRef of a volume needs a containerName")?,
    };
    let unsupported = || format!("unsupported container resource : {}", of.resource);
    let (kind, name) = of.resource.split_once('.').ok_or_else(unsupported)?;
    let resources = container.resources.as_ref();
    let list = match kind {
        "limits" => resources.and_then(|resources| resources.limits.as_ref()),
        "requests" => resources.and_then(|resources| resources.requests.as_ref()),
        _ => return Err(unsupported()),
    };
    let set = list.and_then(|list| list.get(name)).and_then(|quantity| Quantity::parse(&quantity.0).ok());
    let value =
        set.or_else(|| (kind == "limits").then(|| crate::node_object::allocatable(agent).get(name).copied()).flatten());
    let divisor = of.divisor.as_ref().and_then(|divisor| Quantity::parse(&divisor.0).ok());
    let divisor = divisor.filter(|divisor| !divisor.is_zero()).map_or(1_000_000_000, |divisor| divisor.nanos());
    // Rounded up, as upstream does.
    Ok(((value.map_or(0, |value| value.nanos()) + divisor - 1) / divisor).to_string())
}
