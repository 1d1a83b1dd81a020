//! Which pods stand behind a Service: shared by the Endpoints and the EndpointSlice controllers.
//!
//! Upstream: `pkg/controller/endpoint`, `pkg/controller/endpointslice`.

mod legacy;
mod slices;

pub use legacy::Endpoints;
pub use slices::EndpointSlices;

use crate::{Change, View, owned};
use apimachinery::Object;
use apimachinery::selector::label::LabelSelector;
use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kinds::resources::{PODS, SERVICES};
use serde_json::json;
use std::sync::Arc;

/// Label of Services without a cluster IP, copied to what describes them. Upstream: `IsHeadlessService`.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// A pod behind a Service.
struct Backend {
    object: Arc<Object>,
    pod: Pod,
    ip: String,
    ready: bool,
    terminating: bool,
}

/// Keys of the Services that a pod's change may concern: those that select it as it was or as it is.
fn services_of(change: Change<'_>, view: &dyn View) -> Vec<String> {
    if *change.of != PODS {
        return Vec::new();
    }
    let Some(pod) = change.object() else { return Vec::new() };
    let labels: Vec<_> = [change.old, change.new].into_iter().flatten().map(|pod| &pod.head.labels).collect();
    let services = view.list(&SERVICES, &pod.head.namespace);
    let concerned = services.iter().filter(|object| {
        let service = object.decode::<Service>().ok();
        let selector = service.as_ref().and_then(selector);
        selector.is_some_and(|selector| labels.iter().any(|labels| selector.matches(labels)))
    });
    concerned.map(|service| service.key()).collect()
}

/// None for Services whose endpoints somebody else writes: without a selector, or ExternalName.
fn selector(service: &Service) -> Option<LabelSelector> {
    let spec = service.spec.as_ref().filter(|spec| spec.type_.as_deref() != Some("ExternalName"))?;
    let labels = spec.selector.as_ref().filter(|labels| !labels.is_empty())?;
    Some(LabelSelector::from_map(&json!(labels)))
}

fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some("None")
}

fn publishes_unready(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses).unwrap_or(false)
}

/// Pods with an address that have not ended, in name order.
fn backends(object: &Object, selector: &LabelSelector, view: &dyn View) -> Vec<Backend> {
    let pods = view.list(&PODS, &object.head.namespace).into_iter();
    pods.filter(|pod| selector.matches(&pod.head.labels)).filter_map(backend).collect()
}

fn backend(object: Arc<Object>) -> Option<Backend> {
    let pod: Pod = object.decode().ok()?;
    let ip = pod.status.as_ref()?.pod_ip.clone().filter(|ip| !ip.is_empty())?;
    let (ready, terminating) = (owned::is_ready(&pod), object.head.is_deleting());
    (!owned::is_finished(&pod)).then_some(Backend { object, pod, ip, ready, terminating })
}

impl Backend {
    fn node(&self) -> Option<&str> {
        self.pod.spec.as_ref()?.node_name.as_deref()
    }

    /// The name DNS gives the pod: only where its subdomain is this Service.
    fn hostname(&self, service: &str) -> Option<&str> {
        let spec = self.pod.spec.as_ref()?;
        spec.hostname.as_deref().filter(|_| spec.subdomain.as_deref() == Some(service))
    }

    /// The number behind a Service port on this pod; None if the pod has no port of that name.
    fn port(&self, port: &ServicePort) -> Option<i32> {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        match port.target_port.as_ref() {
            None => Some(port.port),
            Some(IntOrString::Int(0)) => Some(port.port),
            Some(IntOrString::Int(number)) => Some(*number),
            Some(IntOrString::String(name)) => self.named_port(name, protocol),
        }
    }

    fn named_port(&self, name: &str, protocol: &str) -> Option<i32> {
        let spec = self.pod.spec.as_ref()?;
        let sidecars = spec.init_containers.iter().flatten();
        let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
        let ports = sidecars.chain(&spec.containers).filter_map(|container| container.ports.as_ref()).flatten();
        let named = ports.filter(|port| port.name.as_deref() == Some(name));
        named
            .filter(|port| port.protocol.as_deref().unwrap_or("TCP") == protocol)
            .map(|port| port.container_port)
            .next()
    }
}

#[cfg(test)]
mod tests;
