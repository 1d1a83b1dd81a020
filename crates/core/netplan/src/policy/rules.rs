//! The plan as the text of an nftables table.

use super::plan::{Plan, Set};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;

impl Plan {
    /// Whether no pod of this node is restricted; then there is no table.
    pub fn is_empty(&self) -> bool {
        self.ingress.is_empty() && self.egress.is_empty()
    }

    /// Text for `nft -f -` that makes the table as planned, whatever it was before, in one transaction.
    pub fn full(&self) -> String {
        let table = &self.facts.table;
        let mut text = Self::removal(table);
        if self.is_empty() {
            return text;
        }
        _ = writeln!(text, "table ip {table} {{");
        for (name, set) in &self.sets {
            _ = write!(text, "\tset {name} {{\n\t\ttype {}\n\t}}\n", set.of);
        }
        for (map, chain, pods) in [("senders", "egress", &self.egress), ("receivers", "ingress", &self.ingress)] {
            text += &chains(chain, pods);
            _ = write!(text, "\tmap {map} {{\n\t\ttype ipv4_addr : verdict\n\t}}\n");
        }
        text += &base_chains(self.facts.dns_ip);
        text += "}\n";
        for (name, set) in &self.sets {
            text += &change("add", table, name, set.elements.iter());
        }
        for (map, chain, pods) in [("senders", "egress", &self.egress), ("receivers", "ingress", &self.ingress)] {
            let verdicts: Vec<String> = pods.keys().map(|ip| format!("{ip} : jump {chain}/{ip}")).collect();
            text += &change("add", table, map, verdicts.iter());
        }
        text
    }

    /// Text that turns `before`'s rules into this plan's. Pods that come and go elsewhere change elements only.
    pub fn changes(&self, before: &Self) -> String {
        let shape =
            |sets: &BTreeMap<String, Set>| sets.iter().map(|(name, set)| (name.clone(), set.of)).collect::<Vec<_>>();
        let same_chains =
            (&self.facts, &self.ingress, &self.egress) == (&before.facts, &before.ingress, &before.egress);
        if !same_chains || shape(&self.sets) != shape(&before.sets) {
            return self.full();
        }
        let mut text = String::new();
        for (name, set) in &self.sets {
            let Some(old) = before.sets.get(name) else { continue };
            text += &change("delete", &self.facts.table, name, old.elements.difference(&set.elements));
            text += &change("add", &self.facts.table, name, set.elements.difference(&old.elements));
        }
        text
    }

    /// Text that removes the table, whether it is there or not.
    pub fn removal(table: &str) -> String {
        format!("table ip {table}\ndelete table ip {table}\n")
    }
}

/// What a match names returns to the other direction's check; all else ends here.
fn chains(direction: &str, pods: &BTreeMap<Ipv4Addr, Vec<String>>) -> String {
    let own = if direction == "ingress" { "saddr" } else { "daddr" };
    let mut text = String::new();
    for (ip, matches) in pods {
        _ = write!(text, "\tchain {direction}/{ip} {{\n\t\tip {own} {ip} return\n");
        for found in matches {
            _ = writeln!(text, "\t\t{}", format!("{found} return").trim_start());
        }
        text += "\t\tdrop\n\t}\n";
    }
    text
}

/// Behind the translation of Services: addresses are those of pods. What the node itself sends passes neither chain.
fn base_chains(dns: Ipv4Addr) -> String {
    format!(
        "\tchain forward {{
\t\ttype filter hook forward priority 0; policy accept;
\t\tct state established,related accept
\t\tip saddr vmap @senders
\t\tip daddr vmap @receivers
\t}}
\tchain input {{
\t\ttype filter hook input priority 0; policy accept;
\t\tct state established,related accept
\t\tip daddr {dns} meta l4proto {{ tcp, udp }} th dport 53 accept
\t\tip saddr vmap @senders
\t}}
"
    )
}

fn change<'a>(verb: &str, table: &str, set: &str, elements: impl Iterator<Item = &'a String>) -> String {
    let list: Vec<&str> = elements.map(String::as_str).collect();
    match list[..] {
        [] => String::new(),
        _ => format!("{verb} element ip {table} {set} {{ {} }}\n", list.join(", ")),
    }
}
