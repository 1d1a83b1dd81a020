//! The kernel's entries for other nodes, wanted or found, and what leads from one to the other.

use crate::{Cidr, Mac};
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

/// All of them on the one device. Sets, since a kernel may hold what nobody would want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// Which node a hardware address is behind.
    pub forwarding: BTreeSet<(Mac, Ipv4Addr)>,
    /// The hardware address of another node's device.
    pub neighbours: BTreeSet<(Ipv4Addr, Mac)>,
    /// A pod range and the device address it is routed to; unspecified: to the device itself.
    pub routes: BTreeSet<(Cidr, Ipv4Addr)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    RemoveRoute(Cidr, Ipv4Addr),
    RemoveNeighbour(Ipv4Addr),
    RemoveForwarding(Mac, Ipv4Addr),
    AddForwarding(Mac, Ipv4Addr),
    AddNeighbour(Ipv4Addr, Mac),
    AddRoute(Cidr, Ipv4Addr),
}

impl Entries {
    /// What makes these of `found`, in the order to do it: a packet never meets a route that leads nowhere. Removals come
    /// first, since an addition replaces what has the same key.
    pub fn changes_from(&self, found: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        changes.extend(found.routes.difference(&self.routes).map(|(to, via)| Change::RemoveRoute(*to, *via)));
        changes.extend(found.neighbours.difference(&self.neighbours).map(|(ip, _)| Change::RemoveNeighbour(*ip)));
        changes
            .extend(found.forwarding.difference(&self.forwarding).map(|(mac, to)| Change::RemoveForwarding(*mac, *to)));
        changes.extend(self.forwarding.difference(&found.forwarding).map(|(mac, to)| Change::AddForwarding(*mac, *to)));
        changes.extend(self.neighbours.difference(&found.neighbours).map(|(ip, mac)| Change::AddNeighbour(*ip, *mac)));
        changes.extend(self.routes.difference(&found.routes).map(|(to, via)| Change::AddRoute(*to, *via)));
        changes
    }
}

/// As `bridge fdb`, `ip neigh` and `ip route` show it.
impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.forwarding.iter().try_for_each(|(mac, to)| writeln!(f, "{mac} dst {to}"))?;
        self.neighbours.iter().try_for_each(|(ip, mac)| writeln!(f, "{ip} lladdr {mac}"))?;
        self.routes.iter().try_for_each(|(to, via)| match via.is_unspecified() {
            true => writeln!(f, "{to}"),
            false => writeln!(f, "{to} via {via} onlink"),
        })
    }
}
