//! Requests and limits in the kernel's terms.
//!
//! Upstream: `pkg/kubelet/cm/helpers_linux.go`, `pkg/kubelet/qos/policy.go`.

use crate::agent::Agent;
use apimachinery::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use kinds::corev1::pod::facts::{QosClass, qos_class};
use kinds::corev1::pod::resources::PodNeeds;
use runtime::{Qos, Resources};
use std::collections::BTreeMap;

const PERIOD_US: i64 = 100_000;
const MIN_QUOTA_US: i64 = 1000;
const MIN_SHARES: u64 = 2;
const MAX_SHARES: u64 = 262_144;

pub(crate) fn qos(pod: &Pod) -> Qos {
    match qos_class(pod) {
        QosClass::Guaranteed => Qos::Guaranteed,
        QosClass::Burstable => Qos::Burstable,
        QosClass::BestEffort => Qos::BestEffort,
    }
}

/// What the container may use: without limits of its own as much as its pod. Upstream: `getCPULimit`, `getMemoryLimit`.
pub(super) fn of_container(pod: &Pod, container: &Container) -> Resources {
    let resources = container.resources.as_ref();
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let whole = pod.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.limits.as_ref());
    let limit = |name: &str| get(limits, name).or_else(|| get(whole, name));
    limited(get(requests, "cpu").or(get(limits, "cpu")), limit("cpu"), limit("memory"))
}

fn get(list: Option<&BTreeMap<String, Text>>, name: &str) -> Option<Quantity> {
    Quantity::parse(&list?.get(name)?.0).ok()
}

/// The pod's cgroup: limits only where every container has one.
pub(crate) fn pod_resources(pod: &Pod) -> Resources {
    let needs = PodNeeds::of_pod(pod);
    let (requests, limits) = (needs.requests(), needs.limits());
    let is_limited = |name: &str| {
        let mut each = needs.containers.iter().chain(needs.init.iter().map(|(_, needs)| needs));
        needs.whole.as_ref().is_some_and(|whole| whole.limits.contains_key(name))
            || each.all(|needs| needs.limits.contains_key(name))
    };
    let limit = |name: &str| limits.get(name).copied().filter(|_| is_limited(name));
    limited(requests.get("cpu").copied(), limit("cpu"), limit("memory"))
}

fn limited(cpu_request: Option<Quantity>, cpu_limit: Option<Quantity>, memory_limit: Option<Quantity>) -> Resources {
    let milli = |quantity: Quantity| quantity.milli_value().max(0);
    let shares = cpu_request.map_or(0, |cpu| milli(cpu).unsigned_abs() * 1024 / 1000);
    let quota = cpu_limit.map(milli).filter(|milli| *milli > 0);
    Resources {
        cpu_shares: Some(shares.clamp(MIN_SHARES, MAX_SHARES)),
        cpu_quota_us: quota.map(|milli| (milli * PERIOD_US / 1000).max(MIN_QUOTA_US)),
        cpu_period_us: quota.map(|_| PERIOD_US.unsigned_abs()),
        memory_limit: memory_limit.map(|memory| memory.value()).filter(|bytes| *bytes > 0),
        pids_limit: None,
    }
}

/// Who dies first when memory runs out.
pub(super) fn oom_score(agent: &Agent, pod: &Pod, container: &Container) -> i32 {
    match qos(pod) {
        Qos::Guaranteed => -997,
        Qos::BestEffort => 1000,
        Qos::Burstable => {
            let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
            let request = get(requests, "memory").map_or(0, |memory| memory.value().max(0));
            let capacity = i64::try_from(agent.machine.memory).unwrap_or(i64::MAX).max(1);
            let share = i64::try_from(i128::from(request) * 1000 / i128::from(capacity)).unwrap_or(1000);
            // Never like Guaranteed or BestEffort.
            i32::try_from((1000 - share).clamp(3, 999)).unwrap_or(999)
        }
    }
}
