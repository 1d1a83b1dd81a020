//! The plan as the text of an nftables table.
//!
//! Sources: nft(8); kernel hooks and their order: `linux/netfilter_ipv4.h`.

use super::endpoints::Target;
use super::plan::{Draw, Map, Plan, Sticky};
use std::fmt::Write;

/// Marks packets whose source must become the node's. Upstream's proxy and others use this very bit.
const MARK: &str = "0x4000";

const SERVICE: &str = "type ipv4_addr . inet_proto . inet_service : verdict";
const PORT: &str = "type inet_proto . inet_service : verdict";
const OF_SERVICE: &str = "typeof ip daddr . ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport";
const OF_PORT: &str = "typeof ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport";

/// Every map: its name in nft, its type, what it is for.
pub const MAPS: [(Map, &str, &str, &str); 11] = [
    (Map::Services, "services", SERVICE, "cluster, external and balancer IPs"),
    (Map::NodePorts, "node-ports", PORT, "ports of every local address"),
    (Map::LocalServices, "local-services", SERVICE, "from outside, to endpoints of this node only"),
    (Map::LocalNodePorts, "local-node-ports", PORT, "from outside, to endpoints of this node only"),
    (Map::ServiceEndpoints, "service-endpoints", OF_SERVICE, "which endpoint has which number"),
    (Map::NodePortEndpoints, "node-port-endpoints", OF_PORT, "which endpoint has which number"),
    (Map::LocalServiceEndpoints, "local-service-endpoints", OF_SERVICE, "which endpoint has which number"),
    (Map::LocalNodePortEndpoints, "local-node-port-endpoints", OF_PORT, "which endpoint has which number"),
    (Map::Refused, "refused", SERVICE, "Services without endpoints"),
    (Map::RefusedPorts, "refused-ports", PORT, "node ports of Services without endpoints"),
    (Map::Hairpin, "hairpin", "type ipv4_addr . ipv4_addr", "pods led to themselves"),
];

impl Map {
    pub(super) fn name(self) -> &'static str {
        MAPS.iter().find(|(map, ..)| *map == self).map_or("", |(_, name, ..)| name)
    }

    const fn is_set(self) -> bool {
        matches!(self, Self::Hairpin)
    }

    const fn of_services(self) -> bool {
        matches!(self, Self::ServiceEndpoints | Self::LocalServiceEndpoints)
    }
}

impl Plan {
    /// Text for `nft -f -` that makes the table as planned, whatever it was before, in one transaction.
    pub fn full(&self) -> String {
        let table = &self.node.table;
        // The first line lets the second succeed where there is no table yet.
        let mut text = format!("table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n");
        for (map, name, of, comment) in MAPS {
            let keyword = if map.is_set() { "set" } else { "map" };
            _ = write!(text, "\t{keyword} {name} {{ # {comment}\n\t\t{of}\n\t}}\n");
        }
        text += &self.chains();
        for draw in &self.draws {
            text += &draw_chain(draw);
        }
        for (name, sticky) in &self.sticky {
            text += &sticky_chains(name, sticky);
        }
        text += "}\n";
        for (map, elements) in &self.elements {
            let elements = elements.iter().map(|(key, value)| (&**key, &**value));
            text += &add_elements(table, *map, elements);
        }
        text
    }

    /// Text for `nft -f -` that removes the table.
    pub fn removal(table: &str) -> String {
        format!("table ip {table}\ndelete table ip {table}\n")
    }

    /// TCP is refused by a reset: of ICMP refusals the kernel sends a client one a second.
    fn chains(&self) -> String {
        let node = &self.node;
        let (bridge, pods, cluster) = (&node.bridge, node.pod_cidr, node.cluster_cidr);
        let (services, dns) = (node.service_cidr, node.dns_ip);
        format!(
            r#"	chain masquerade-mark {{
		meta mark set meta mark or {MARK}
	}}
	chain refuse {{
		meta l4proto tcp reject with tcp reset
		reject
	}}
	chain services-lookup {{
		ip saddr != {cluster} ip daddr {services} jump masquerade-mark
		ip daddr . meta l4proto . th dport vmap @services
		fib daddr type local meta l4proto . th dport vmap @node-ports
	}}
	chain outside-lookup {{
		ip daddr . meta l4proto . th dport vmap @local-services
		fib daddr type local meta l4proto . th dport vmap @local-node-ports
	}}
	chain prerouting {{
		type nat hook prerouting priority -100; policy accept;
		meta l4proto {{ tcp, udp, sctp }} ip saddr != {cluster} jump outside-lookup
		meta l4proto {{ tcp, udp, sctp }} jump services-lookup
	}}
	chain output {{
		type nat hook output priority -100; policy accept;
		meta l4proto {{ tcp, udp, sctp }} jump services-lookup
	}}
	chain postrouting {{
		type nat hook postrouting priority 100; policy accept;
		ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
		ct status dnat meta mark & {MARK} == {MARK} meta mark set meta mark xor {MARK} masquerade fully-random
		ct status dnat ip saddr != {cluster} oifname != "lo" fib saddr type local masquerade fully-random
		ip saddr {pods} ip daddr != {cluster} oifname != "{bridge}" masquerade fully-random
	}}
	chain not-from-pods {{
		type filter hook prerouting priority -300; policy accept;
		iifname "{bridge}" ip daddr 127.0.0.0/8 drop
	}}
	chain refused-lookup {{
		ct state established,related accept
		ct status dnat accept
		meta l4proto {{ tcp, udp, sctp }} ip daddr . meta l4proto . th dport vmap @refused
		ip daddr {services} ip daddr != {dns} goto refuse
	}}
	chain input {{
		type filter hook input priority 0; policy accept;
		jump refused-lookup
		meta l4proto {{ tcp, udp, sctp }} meta l4proto . th dport vmap @refused-ports
	}}
	chain forward {{
		type filter hook forward priority 0; policy accept;
		jump refused-lookup
	}}
	chain filter-output {{
		type filter hook output priority 0; policy accept;
		jump refused-lookup
	}}
"#
        )
    }
}

pub(super) fn add_elements<'a>(table: &str, map: Map, elements: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let list: Vec<String> = elements
        .map(|(key, value)| if value.is_empty() { key.to_owned() } else { format!("{key} : {value}") })
        .collect();
    change_elements("add", table, map, &list)
}

pub(super) fn delete_elements<'a>(table: &str, map: Map, keys: impl Iterator<Item = &'a str>) -> String {
    let list: Vec<String> = keys.map(str::to_owned).collect();
    change_elements("delete", table, map, &list)
}

fn change_elements(verb: &str, table: &str, map: Map, list: &[String]) -> String {
    match list {
        [] => String::new(),
        list => format!("{verb} element ip {table} {} {{ {} }}\n", map.name(), list.join(", ")),
    }
}

pub(super) fn draw_chain(draw: &Draw) -> String {
    let plain = Draw { masquerade: false, ..*draw };
    let rule = if draw.masquerade {
        format!("jump masquerade-mark\n\t\tgoto {plain}")
    } else {
        let key = if draw.from.of_services() { "ip daddr . ip protocol . th dport" } else { "ip protocol . th dport" };
        let drawn = format!("{key} . numgen random mod {} map @{}", draw.count, draw.from.name());
        format!("meta l4proto {{ tcp, udp, sctp }} dnat ip to {drawn}")
    };
    format!("\tchain {draw} {{\n\t\t{rule}\n\t}}\n")
}

/// The chains and sets of one Service port: the client's endpoint if it has one, else any.
pub(super) fn sticky_chains(name: &str, sticky: &Sticky) -> String {
    let ends: Vec<String> = sticky.targets.iter().map(|target| sticky_end(name, sticky, *target)).collect();
    let mut text = String::new();
    for (end, (address, port)) in ends.iter().zip(&sticky.targets) {
        let (protocol, seconds) = (sticky.protocol.lower(), sticky.seconds);
        _ = write!(text, "\tset {end} {{\n\t\ttype ipv4_addr; flags dynamic,timeout; timeout {seconds}s\n\t}}\n");
        _ = write!(text, "\tchain {end} {{\n\t\tupdate @{end} {{ ip saddr }}\n");
        _ = write!(text, "\t\tmeta l4proto {protocol} dnat ip to {address}:{port}\n\t}}\n");
    }
    _ = writeln!(text, "\tchain {name} {{");
    for end in &ends {
        _ = writeln!(text, "\t\tip saddr @{end} goto {end}");
    }
    let any = ends.iter().enumerate().map(|(index, end)| format!("{index} : goto {end}")).collect::<Vec<_>>();
    _ = write!(text, "\t\tnumgen random mod {} vmap {{ {} }}\n\t}}\n", ends.len(), any.join(", "));
    _ = write!(text, "\tchain masquerade-{name} {{\n\t\tjump masquerade-mark\n\t\tgoto {name}\n\t}}\n");
    text
}

/// Name of the set and the chain of one endpoint; another timeout needs another set.
pub(super) fn sticky_end(name: &str, sticky: &Sticky, (address, port): Target) -> String {
    format!("{name}/{address}/{port}/{}", sticky.seconds)
}
