//! Which container of a pod a request means, and on which node it is.
//!
//! Upstream: `pkg/registry/core/pod/strategy.go` (`validateContainer`, `streamLocation`, `LogLocation`).

use apimachinery::{ApiError, ApiResult, Object};
use client::door::Target;
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pod {
    spec: Spec,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    node_name: String,
    containers: Option<Vec<Named>>,
    init_containers: Option<Vec<Named>>,
    ephemeral_containers: Option<Vec<Named>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    name: String,
    tty: bool,
    stdin: bool,
}

/// A container and its place. The node is empty while the pod is not scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub node: String,
    pub target: Target,
    /// The container's own `tty` and `stdin`, which an attach must agree with.
    pub tty: bool,
    pub stdin: bool,
}

/// Finds the container; an empty name means the only one.
///
/// # Errors
/// 400 if there are several or there is none of that name.
pub fn find(pod: &Object, container: &str) -> ApiResult<Place> {
    let name = &pod.head.name;
    let spec = pod.decode::<Pod>().map_err(ApiError::internal)?.spec;
    let main = spec.containers.unwrap_or_default();
    let init = spec.init_containers.unwrap_or_default();
    let found = if container.is_empty() {
        match main.as_slice() {
            [only] => only,
            [] => return Err(ApiError::bad_request(format!("a container name must be specified for pod {name}"))),
            several => return Err(choose(name, several, &init)),
        }
    } else {
        let all = main.iter().chain(&init).chain(spec.ephemeral_containers.iter().flatten());
        let mut named = all.filter(|own| own.name == container);
        named
            .next()
            .ok_or_else(|| ApiError::bad_request(format!("container {container} is not valid for pod {name}")))?
    };
    let (container, tty, stdin) = (found.name.clone(), found.tty, found.stdin);
    Ok(Place { node: spec.node_name, target: target(pod, container), tty, stdin })
}

/// The pod as a whole, for port-forward.
///
/// # Errors
/// 500 if the stored pod cannot be read.
pub fn whole(pod: &Object) -> ApiResult<Place> {
    let node = pod.decode::<Pod>().map_err(ApiError::internal)?.spec.node_name;
    Ok(Place { node, target: target(pod, String::new()), tty: false, stdin: false })
}

impl Place {
    /// The node's name.
    ///
    /// # Errors
    /// 400 if the pod has not been scheduled.
    pub fn node(&self) -> ApiResult<&str> {
        if self.node.is_empty() {
            return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", self.target.pod)));
        }
        Ok(&self.node)
    }
}

fn target(pod: &Object, container: String) -> Target {
    let head = &pod.head;
    Target { namespace: head.namespace.clone(), pod: head.name.clone(), uid: head.uid.clone(), container }
}

fn choose(pod: &str, containers: &[Named], init: &[Named]) -> ApiError {
    let names = |list: &[Named]| list.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(" ");
    let mut text = format!("a container name must be specified for pod {pod}, choose one of: [{}]", names(containers));
    if !init.is_empty() {
        text += &format!(" or one of the init containers: [{}]", names(init));
    }
    ApiError::bad_request(text)
}
