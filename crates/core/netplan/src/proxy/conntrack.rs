//! Which tracked connections lead to endpoints that no longer serve.
//!
//! Only UDP: a client that goes on sending would keep the dead entry alive for ever. TCP connections of a gone pod are
//! deleted when the pod is unplugged; until then they may finish. Upstream: `pkg/proxy/conntrack/cleanup.go`.

use super::endpoints::Target;
use super::plan::{Plan, UdpKey};
use crate::Protocol;
use std::collections::BTreeSet;

/// A connection the kernel tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    pub protocol: Protocol,
    /// Where the client sent to.
    pub destination: Target,
    /// Who answers; the same as `destination` if nothing was translated.
    pub server: Target,
}

impl Plan {
    /// Whether a step from `before` (None: unknown, at start) to this plan can leave stale connections.
    pub fn may_leave_stale(&self, before: Option<&Self>) -> bool {
        before.is_none_or(|before| before.udp != self.udp)
    }

    pub fn is_stale(&self, before: Option<&Self>, flow: &Flow) -> bool {
        flow.protocol == Protocol::Udp && (self.leads_astray(before, flow) || self.goes_past_us(before, flow))
    }

    /// The server was an endpoint of the destination and is none any more.
    fn leads_astray(&self, before: Option<&Self>, flow: &Flow) -> bool {
        if flow.server == flow.destination {
            return false;
        }
        let (address, number) = flow.destination;
        let service = UdpKey::Service(address, number);
        let has = |plan: &Self, key| plan.udp.get(&key).is_some_and(|targets| targets.contains(&flow.server));
        let knows = |key| self.udp.contains_key(&key) || before.is_some_and(|before| before.udp.contains_key(&key));
        if knows(service) {
            return !has(self, service);
        }
        let port = UdpKey::NodePort(number);
        before.is_some_and(|before| has(before, port)) && !has(self, port)
    }

    /// The destination is a Service that had no endpoints when the connection began.
    fn goes_past_us(&self, before: Option<&Self>, flow: &Flow) -> bool {
        let key = UdpKey::Service(flow.destination.0, flow.destination.1);
        let none = |targets: Option<&BTreeSet<Target>>| targets.is_none_or(BTreeSet::is_empty);
        flow.server == flow.destination
            && !none(self.udp.get(&key))
            && before.is_none_or(|before| none(before.udp.get(&key)))
    }
}
