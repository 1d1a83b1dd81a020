//! Node address ranges: each node gets a free /24 of the cluster's pod range in `spec.podCIDR`.
//!
//! Upstream: `pkg/controller/nodeipam/ipam/range_allocator.go`, `cidrset`.
//!
//! Invariants
//! - A range that a node has is never given to another nor changed, whoever gave it; it is free when the node is gone.
//! - Two rounds at a time never promise the same range, though neither sees the other's write yet.
//! - The lowest free range is taken, so that what is given depends on the nodes alone.

mod range;
#[cfg(test)]
mod tests;

use crate::owned::OwnerKind;
use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value};
use kinds::resources::NODES;
use range::Range;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::Timestamp;

const KIND: OwnerKind = OwnerKind { api_version: "v1", kind: "Node" };

/// Upstream's reasons, which people look for.
const EXHAUSTED: &str = "CIDRNotAvailable";
const REFUSED: &str = "CIDRAssignmentFailed";

#[derive(Default)]
pub struct NodeIpam {
    /// All nodes' pods; None: ranges are somebody else's business.
    cluster: Option<Range>,
    memory: Mutex<Memory>,
}

/// By uid, and of none but the nodes that the view shows without a range.
#[derive(Default)]
struct Memory {
    promised: BTreeMap<String, Range>,
    /// Who was told that there is no range left.
    told: BTreeSet<String>,
}

impl NodeIpam {
    /// `cluster` is a base address and a prefix length; nodes get nothing of a range smaller than a /24.
    pub fn new(cluster: Option<(Ipv4Addr, u8)>) -> Self {
        Self { cluster: cluster.map(|(base, prefix)| Range::new(base, prefix)), memory: Mutex::default() }
    }
}

impl Controller for NodeIpam {
    fn name(&self) -> &'static str {
        "node-ipam-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&NODES] }
    }

    /// When a range comes free, the nodes that wait for one.
    fn affected(&self, change: Change<'_>, view: &dyn View) -> Vec<String> {
        let had_one = change.old.is_some_and(|node| !ranges(node).is_empty());
        if !had_one || change.new.is_some() {
            return Vec::new();
        }
        without_range(view).iter().map(|node| node.key()).collect()
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        let (Some(cluster), Some(node)) = (self.cluster, view.get(&NODES, key)) else { return Plan::rest() };
        if has_range(&node) || node.head.is_deleting() {
            return Plan::rest();
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget_all_but(&without_range(view));
        match memory.promise(cluster, &node, view) {
            Some(range) => Plan::of(vec![assign(&node, range)]),
            None if memory.told.insert(node.head.uid.clone()) => Plan::of(vec![tell(&node, EXHAUSTED)]),
            None => Plan::rest(),
        }
    }

    fn refused(&self, key: &str, view: &dyn View, _: Timestamp, _: &str) -> Vec<Action> {
        view.get(&NODES, key).map(|node| tell(&node, REFUSED)).into_iter().collect()
    }
}

impl Memory {
    fn forget_all_but(&mut self, waiting: &[Arc<Object>]) {
        let waiting: BTreeSet<&str> = waiting.iter().map(|node| &*node.head.uid).collect();
        self.promised.retain(|uid, _| waiting.contains(&**uid));
        self.told.retain(|uid| waiting.contains(&**uid));
    }

    /// What the node was promised before, or the lowest range that nobody has and nobody was promised.
    fn promise(&mut self, cluster: Range, node: &Object, view: &dyn View) -> Option<Range> {
        if let Some(range) = self.promised.get(&node.head.uid) {
            return Some(*range);
        }
        let had = view.list(&NODES, "");
        let taken = had.iter().flat_map(|node| ranges(node)).chain(self.promised.values().copied());
        let range = range::lowest_free(cluster, taken.collect())?;
        self.promised.insert(node.head.uid.clone(), range);
        Some(range)
    }
}

fn assign(node: &Object, range: Range) -> Action {
    let range = range.to_string();
    Action::patch(&NODES, node, "", json!({"spec": {"podCIDR": range, "podCIDRs": [range]}}))
}

fn tell(node: &Object, status: &'static str) -> Action {
    let message = format!("Node {} status is now: {status}", node.head.name);
    Action::Event { about: KIND.regarding(node), warning: false, reason: status, message }
}

fn without_range(view: &dyn View) -> Vec<Arc<Object>> {
    let mut nodes = view.list(&NODES, "");
    nodes.retain(|node| !has_range(node));
    nodes
}

/// Also one of IPv6: then somebody else gives ranges.
fn has_range(node: &Object) -> bool {
    let spec = &node.to_value()["spec"];
    let is_told = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    is_told(&spec["podCIDR"]) || spec["podCIDRs"].as_array().is_some_and(|all| all.iter().any(is_told))
}

fn ranges(node: &Object) -> Vec<Range> {
    let spec = &node.to_value()["spec"];
    let all = spec["podCIDRs"].as_array().into_iter().flatten().chain([&spec["podCIDR"]]);
    all.filter_map(|value| value.as_str()?.parse().ok()).collect()
}
