//! The Node object and its lease: registration and heartbeats.

use super::machine::Machine;
use crate::api::{Api, Call, Tolerance, Verb};
use crate::ctx::{Ctx, Job, Me, Tag};
use apimachinery::patch::PatchType;
use apimachinery::{ApiError, Value, time};
use kinds::resources::{LEASES, NODES};
use serde_json::json;
use std::time::Duration;
use stdx::Timestamp;

pub const RENEW: Duration = Duration::from_secs(15);
const LEASE_SECONDS: u64 = 40;
const REPORT: Duration = Duration::from_secs(300);
const LEASES_NAMESPACE: &str = "kube-node-lease";

#[derive(Debug, Default)]
pub struct Heart {
    told: Option<Timestamp>,
    renewed: Option<Timestamp>,
    is_registered: bool,
    is_beating: bool,
}

impl Heart {
    pub fn beat(&mut self, machine: &Machine, ctx: &mut Ctx, me: Me) {
        if self.is_beating {
            return;
        }
        let now = ctx.now();
        let was_silent = self.renewed.is_some_and(|at| now.since(at) >= Duration::from_secs(LEASE_SECONDS));
        let is_due = was_silent || self.told.is_none_or(|at| now.since(at) >= REPORT);
        let mut calls = Vec::new();
        if !self.is_registered {
            calls.push(register(machine));
        }
        let node = ctx.api.get(&NODES, "", &machine.name).ok();
        if is_due {
            let old = node.as_ref().map(|node| node.to_value()).unwrap_or_default();
            calls.push(report(machine, &old, now));
        }
        // Its owner's uid is known only once the node is there.
        if let Some(node) = node {
            calls.push(renew(&ctx.api, machine, &node.head.uid, now));
        }
        self.is_beating = true;
        ctx.start(Job::new(me, "kubelet", Tag::Heartbeat { reported: is_due }, calls));
    }

    pub fn done(&mut self, reported: bool, error: Option<&ApiError>, now: Timestamp) {
        self.is_beating = false;
        match error {
            None => {
                self.is_registered = true;
                self.renewed = Some(now);
                if reported {
                    self.told = Some(now);
                }
            }
            Some(error) => self.is_registered &= !error.is_not_found(),
        }
    }
}

fn register(machine: &Machine) -> Call {
    let name = machine.name.as_str();
    let labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"});
    let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
    Call::new(&NODES, Verb::Create { namespace: String::new(), body }).tolerating(Tolerance::Exists)
}

fn report(machine: &Machine, old: &Value, now: Timestamp) -> Call {
    let at = time::format_seconds(now.secs());
    let before = old["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let condition = |(kind, status): (&str, &str)| {
        let same = before.iter().find(|old| old["type"] == kind && old["status"] == status);
        let since = same.map_or_else(|| Value::from(at.as_str()), |old| old["lastTransitionTime"].clone());
        json!({"type": kind, "status": status, "reason": "Kubelet", "message": "",
            "lastHeartbeatTime": at, "lastTransitionTime": since})
    };
    let kinds = [("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False"), ("Ready", "True")];
    let amounts = json!({"cpu": "4", "memory": "8Gi", "pods": "40"});
    let body = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": machine.address()}],
        "capacity": amounts, "allocatable": amounts,
        "conditions": kinds.into_iter().map(condition).collect::<Vec<_>>(),
    }});
    let (name, kind) = (machine.name.clone(), PatchType::Strategic);
    Call::new(&NODES, Verb::Patch { namespace: String::new(), name, subresource: "status", kind, body })
}

fn renew(api: &Api, machine: &Machine, uid: &str, now: Timestamp) -> Call {
    let at = time::format_micros(i64::try_from(now.0.as_micros()).unwrap_or(i64::MAX));
    let (name, namespace) = (machine.name.clone(), LEASES_NAMESPACE.to_owned());
    if api.get(&LEASES, LEASES_NAMESPACE, &machine.name).is_ok() {
        let body = json!({"spec": {"renewTime": at}});
        let kind = PatchType::Merge;
        return Call::new(&LEASES, Verb::Patch { namespace, name, subresource: "", kind, body });
    }
    let body = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": LEASES_NAMESPACE,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": at},
    });
    Call::new(&LEASES, Verb::Create { namespace, body })
}
