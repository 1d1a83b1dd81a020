//! What the scheduler needs of a pod, taken out once: small enough to keep for every pod.

use apimachinery::selector::label::LabelSelector;
use apimachinery::{Object, Value};
use kinds::corev1::pod::resources::PodNeeds;
use kinds::quantities::Resources;
use kinds::read::{has, list, number, text};
use std::collections::BTreeMap;

/// The reason of a victim's DisruptionTarget condition. Upstream: `PodReasonPreemptionByScheduler`.
pub const PREEMPTION: &str = "PreemptionByScheduler";

#[derive(Debug, Clone, Default)]
pub struct PodFacts {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Empty until bound.
    pub node: String,
    pub scheduler: String,
    pub labels: BTreeMap<String, String>,
    pub requests: Resources,
    pub host_ports: Vec<HostPort>,
    pub tolerations: Vec<Toleration>,
    pub node_selector: BTreeMap<String, String>,
    /// `spec.affinity`, as written; null where there is none.
    pub affinity: Value,
    pub spread: Vec<Spread>,
    pub claims: Vec<String>,
    pub is_finished: bool,
    pub is_deleting: bool,
    /// `spec.schedulingGates`: not to be scheduled yet.
    pub is_gated: bool,
    pub priority: i64,
    /// `spec.preemptionPolicy: Never`: waits for room, makes none.
    pub never_preempts: bool,
    /// Ending because a pod of higher priority takes its place.
    pub is_preempted: bool,
    /// `status.nominatedNodeName`: where room is being made for it.
    pub nominated: String,
    /// `status.startTime` as text, which sorts as time does; empty until started.
    pub started: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Empty and 0.0.0.0 mean every address.
    pub ip: String,
    pub protocol: String,
    pub port: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    pub key: String,
    pub operator: String,
    pub value: String,
    pub effect: String,
}

#[derive(Debug, Clone)]
pub struct Spread {
    pub max_skew: i64,
    pub topology_key: String,
    pub must: bool,
    pub selector: LabelSelector,
    pub min_domains: i64,
    /// `nodeAffinityPolicy: Ignore`: nodes the pod could not go to count too.
    pub ignores_affinity: bool,
    /// `nodeTaintsPolicy: Honor`: nodes whose taints it does not tolerate do not count.
    pub honours_taints: bool,
}

impl PodFacts {
    pub fn of(object: &Object) -> Self {
        let value = object.to_value();
        let spec = &value["spec"];
        let phase = value["status"]["phase"].as_str().unwrap_or_default();
        Self {
            namespace: object.head.namespace.clone(),
            name: object.head.name.clone(),
            uid: object.head.uid.clone(),
            node: text(spec, "nodeName").to_owned(),
            scheduler: text(spec, "schedulerName").to_owned(),
            labels: object.head.labels.clone(),
            requests: PodNeeds::of_value(spec).requests(),
            host_ports: host_ports(spec),
            tolerations: list(spec, "tolerations").iter().map(toleration).collect(),
            node_selector: texts(&spec["nodeSelector"]),
            affinity: spec["affinity"].clone(),
            spread: list(spec, "topologySpreadConstraints")
                .iter()
                .map(|one| spread(one, &object.head.labels))
                .collect(),
            claims: claims(object, spec),
            is_finished: matches!(phase, "Succeeded" | "Failed"),
            is_deleting: object.head.is_deleting(),
            is_gated: !list(spec, "schedulingGates").is_empty(),
            priority: number(spec, "priority"),
            never_preempts: text(spec, "preemptionPolicy") == "Never",
            is_preempted: object.head.is_deleting() && is_target(&value["status"]),
            nominated: text(&value["status"], "nominatedNodeName").to_owned(),
            started: text(&value["status"], "startTime").to_owned(),
        }
    }

    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Whether we chose the pod to make room.
fn is_target(status: &Value) -> bool {
    list(status, "conditions").iter().any(|condition| {
        text(condition, "type") == "DisruptionTarget"
            && text(condition, "status") == "True"
            && text(condition, "reason") == PREEMPTION
    })
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn host_ports(spec: &Value) -> Vec<HostPort> {
    let sidecars = list(spec, "initContainers").iter().filter(|container| text(container, "restartPolicy") == "Always");
    let ports = sidecars.chain(list(spec, "containers")).flat_map(|container| list(container, "ports"));
    ports
        .filter(|port| number(port, "hostPort") > 0)
        .map(|port| HostPort {
            ip: text(port, "hostIP").to_owned(),
            protocol: if has(port, "protocol") { text(port, "protocol") } else { "TCP" }.to_owned(),
            port: number(port, "hostPort"),
        })
        .collect()
}

fn toleration(toleration: &Value) -> Toleration {
    let text = |field: &str| toleration[field].as_str().unwrap_or_default().to_owned();
    Toleration { key: text("key"), operator: text("operator"), value: text("value"), effect: text("effect") }
}

fn spread(constraint: &Value, labels: &BTreeMap<String, String>) -> Spread {
    let mut selector = constraint["labelSelector"].clone();
    for key in list(constraint, "matchLabelKeys").iter().filter_map(Value::as_str) {
        if let Some(value) = labels.get(key) {
            selector["matchLabels"][key] = value.as_str().into();
        }
    }
    Spread {
        max_skew: number(constraint, "maxSkew").max(1),
        topology_key: text(constraint, "topologyKey").to_owned(),
        must: text(constraint, "whenUnsatisfiable") != "ScheduleAnyway",
        selector: LabelSelector::from_value(&selector).unwrap_or_else(|_| LabelSelector::nothing()),
        min_domains: number(constraint, "minDomains").max(1),
        ignores_affinity: text(constraint, "nodeAffinityPolicy") == "Ignore",
        honours_taints: text(constraint, "nodeTaintsPolicy") == "Honor",
    }
}

/// Claims by name; a generic ephemeral volume's claim is named after the pod and the volume.
fn claims(object: &Object, spec: &Value) -> Vec<String> {
    let claim = |volume: &Value| {
        if has(volume, "ephemeral") {
            return Some(format!("{}-{}", object.head.name, text(volume, "name")));
        }
        Some(volume["persistentVolumeClaim"]["claimName"].as_str()?.to_owned())
    };
    list(spec, "volumes").iter().filter_map(claim).collect()
}

impl Toleration {
    /// Upstream: `v1.Toleration.ToleratesTaint`.
    pub fn tolerates(&self, key: &str, value: &str, effect: &str) -> bool {
        if !self.effect.is_empty() && self.effect != effect {
            return false;
        }
        if !self.key.is_empty() && self.key != key {
            return false;
        }
        match self.operator.as_str() {
            "Exists" => true,
            _ => !self.key.is_empty() && self.value == value,
        }
    }
}
