//! What a pod asks for, all its containers together, and the class of service that follows.
//!
//! Init containers run one after the other, sidecars stay: the most that is needed at any moment counts.
//!
//! Upstream: `component-helpers/resource/helpers.go` (PodRequests), `apis/core/v1/helper/qos/qos.go`.

use crate::quantities::{self, Resources};
use crate::read::{has, list, text};
use apimachinery::{Quantity, Value};
use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use std::collections::BTreeMap;

/// Requests and limits of one container or of the pod itself.
#[derive(Debug, Default, Clone)]
pub struct Needs {
    pub requests: Resources,
    pub limits: Resources,
}

/// What sums and classes are made of, whatever form the pod is in.
#[derive(Debug, Default)]
pub struct PodNeeds {
    pub containers: Vec<Needs>,
    /// In order; whether each is a sidecar (`restartPolicy: Always`).
    pub init: Vec<(bool, Needs)>,
    /// `spec.resources`, where the pod as a whole has them.
    pub whole: Option<Needs>,
    pub overhead: Resources,
}

/// Upstream's `PodQOSClass`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QosClass {
    BestEffort,
    Burstable,
    Guaranteed,
}

impl QosClass {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BestEffort => "BestEffort",
            Self::Burstable => "Burstable",
            Self::Guaranteed => "Guaranteed",
        }
    }
}

impl PodNeeds {
    /// Of a pod's `spec`.
    pub fn of_value(spec: &Value) -> Self {
        let whole = has(spec, "resources").then(|| needs(&spec["resources"]));
        Self {
            containers: list(spec, "containers").iter().map(|container| needs(&container["resources"])).collect(),
            init: list(spec, "initContainers")
                .iter()
                .map(|container| (text(container, "restartPolicy") == "Always", needs(&container["resources"])))
                .collect(),
            whole,
            overhead: quantities::read(&spec["overhead"]),
        }
    }

    pub fn of_pod(pod: &Pod) -> Self {
        let Some(spec) = &pod.spec else { return Self::default() };
        let of = |container: &Container| typed_needs(container.resources.as_ref());
        Self {
            containers: spec.containers.iter().map(of).collect(),
            init: spec
                .init_containers
                .iter()
                .flatten()
                .map(|container| (container.restart_policy.as_deref() == Some("Always"), of(container)))
                .collect(),
            whole: spec.resources.as_ref().map(|whole| typed_needs(Some(whole))),
            overhead: quantities::read_typed(spec.overhead.as_ref()),
        }
    }

    /// What the scheduler must find free on a node: requests with overhead.
    pub fn requests(&self) -> Resources {
        let mut sum = self.of_containers(|needs| &needs.requests);
        if let Some(whole) = &self.whole {
            sum.extend(whole.requests.clone());
        }
        quantities::add(&mut sum, &self.overhead);
        sum
    }

    /// The most the pod may use, of the resources that are limited; overhead is added where there is a limit.
    pub fn limits(&self) -> Resources {
        let mut sum = self.of_containers(|needs| &needs.limits);
        if let Some(whole) = &self.whole {
            sum.extend(whole.limits.clone());
        }
        for (name, overhead) in &self.overhead {
            if let Some(limit) = sum.get_mut(name) {
                *limit += *overhead;
            }
        }
        sum
    }

    /// What all containers together need at the worst moment, without overhead and without pod-level resources.
    pub fn of_containers(&self, which: impl Fn(&Needs) -> &Resources) -> Resources {
        let mut sum = Resources::new();
        for container in &self.containers {
            quantities::add(&mut sum, which(container));
        }
        let mut sidecars = Resources::new();
        let mut worst_init = Resources::new();
        for (is_sidecar, container) in &self.init {
            let mut now = sidecars.clone();
            quantities::add(&mut now, which(container));
            if *is_sidecar {
                quantities::add(&mut sum, which(container));
                sidecars = now.clone();
            }
            quantities::raise(&mut worst_init, &now);
        }
        quantities::raise(&mut sum, &worst_init);
        sum
    }

    pub fn qos_class(&self) -> QosClass {
        let parts: Vec<&Needs> = match &self.whole {
            Some(whole) => vec![whole],
            None => self.containers.iter().chain(self.init.iter().map(|(_, needs)| needs)).collect(),
        };
        let (mut requests, mut limits) = (Resources::new(), Resources::new());
        let mut all_limited = true;
        for part in parts {
            quantities::add(&mut requests, &counted(&part.requests));
            let part_limits = counted(&part.limits);
            all_limited &= part_limits.len() == COUNTED.len();
            quantities::add(&mut limits, &part_limits);
        }
        if requests.is_empty() && limits.is_empty() {
            QosClass::BestEffort
        } else if all_limited && requests == limits {
            QosClass::Guaranteed
        } else {
            QosClass::Burstable
        }
    }
}

/// The resources that decide the class of service.
const COUNTED: [&str; 2] = ["cpu", "memory"];

fn counted(resources: &Resources) -> Resources {
    let relevant = |name: &str, quantity: &Quantity| COUNTED.contains(&name) && quantity.sign() > 0;
    resources.iter().filter(|(name, quantity)| relevant(name, quantity)).map(|(n, q)| (n.clone(), *q)).collect()
}

fn needs(resources: &Value) -> Needs {
    Needs { requests: quantities::read(&resources["requests"]), limits: quantities::read(&resources["limits"]) }
}

fn typed_needs(resources: Option<&ResourceRequirements>) -> Needs {
    let Some(resources) = resources else { return Needs::default() };
    Needs {
        requests: quantities::read_typed(resources.requests.as_ref()),
        limits: quantities::read_typed(resources.limits.as_ref()),
    }
}

/// Amounts as texts, for writing into a document.
pub fn texts(resources: &Resources) -> BTreeMap<String, String> {
    resources.iter().map(|(name, quantity)| (name.clone(), quantity.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(spec: Value, requests: &str, class: QosClass) {
        let pod: Pod = serde_json::from_value(json!({"spec": spec})).unwrap();
        for needs in [PodNeeds::of_value(&spec), PodNeeds::of_pod(&pod)] {
            let shown: Vec<String> =
                texts(&needs.requests()).iter().map(|(name, amount)| format!("{name}={amount}")).collect();
            assert_eq!(shown.join(" "), requests);
            assert_eq!(needs.qos_class(), class);
        }
    }

    #[test]
    fn the_worst_moment_counts() {
        let of = |cpu: &str| json!({"requests": {"cpu": cpu}});
        check(json!({"containers": [{"name": "a"}]}), "", QosClass::BestEffort);
        check(
            json!({
                "containers": [{"name": "a", "resources": of("1")}, {"name": "b", "resources": of("500m")}],
                "initContainers": [
                    {"name": "side", "restartPolicy": "Always", "resources": of("1")},
                    {"name": "init", "resources": of("2")},
                ],
                "overhead": {"cpu": "100m"},
            }),
            "cpu=3100m",
            QosClass::Burstable,
        );
    }

    #[test]
    fn guaranteed_means_limits_equal_requests_everywhere() {
        let full = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}});
        let containers = json!([{"name": "a", "resources": full}]);
        check(json!({"containers": containers}), "cpu=1 memory=1Gi", QosClass::Guaranteed);
        let one_without = json!([{"name": "a", "resources": full}, {"name": "b"}]);
        check(json!({"containers": one_without}), "cpu=1 memory=1Gi", QosClass::Burstable);
        let whole = json!({"containers": [{"name": "a"}], "resources": full});
        check(whole, "cpu=1 memory=1Gi", QosClass::Guaranteed);
    }
}
