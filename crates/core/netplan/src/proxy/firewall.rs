//! Rules of others that stop pods' traffic.
//!
//! A packet must pass every table; ours cannot overrule a drop elsewhere. All we can do is to tell.

use serde_json::Value;
use std::collections::BTreeSet;

/// A chain of another table that drops by default and does not know our bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub cause: String,
    pub cure: String,
}

/// Reads `nft -j list chains`. `knows_bridge` says whether a table (family, name) mentions our bridge at all: whoever
/// wrote a rule for it knows what they do.
pub fn obstacles(
    listing: &Value,
    table: &str,
    bridge: &str,
    knows_bridge: impl Fn(&str, &str) -> bool,
) -> Vec<Obstacle> {
    let unaware = dropping(listing, table).filter(|chain| !knows_bridge(chain.family, chain.table));
    unaware.map(|chain| obstacle(&chain, bridge)).collect()
}

/// Tables (family, name) that have a chain which may be an obstacle.
pub fn suspects(listing: &Value, table: &str) -> BTreeSet<(String, String)> {
    dropping(listing, table).map(|chain| (chain.family.to_owned(), chain.table.to_owned())).collect()
}

struct Chain<'a> {
    family: &'a str,
    table: &'a str,
    name: &'a str,
    hook: &'a str,
}

/// Chains of other tables that end with a drop. Those of firewalld accept by policy and reject by their last rule.
fn dropping<'a>(listing: &'a Value, ours: &'a str) -> impl Iterator<Item = Chain<'a>> {
    let chains = listing["nftables"].as_array().into_iter().flatten().map(|entry| &entry["chain"]);
    chains.filter_map(move |chain| {
        let text = |name: &str| chain[name].as_str().unwrap_or_default();
        let found = Chain { family: text("family"), table: text("table"), name: text("name"), hook: text("hook") };
        let firewalld = found.table == "firewalld" && found.name.starts_with("filter_");
        let drops = text("policy") == "drop" || firewalld;
        let in_the_way = ["forward", "input"].contains(&found.hook) && ["ip", "inet"].contains(&found.family);
        (drops && in_the_way && found.table != ours).then_some(found)
    })
}

fn obstacle(chain: &Chain<'_>, bridge: &str) -> Obstacle {
    let Chain { family, table, name: chain, hook } = *chain;
    let what = if hook == "forward" { "packets from and to pods" } else { "packets from pods to this node" };
    let cause = format!("chain {chain} of nftables table {family} {table} drops {what} by default");
    let cure = match table {
        "firewalld" => {
            format!("run: firewall-cmd --permanent --zone=trusted --add-interface={bridge} && firewall-cmd --reload")
        }
        "filter" if family == "ip" && hook == "forward" => format!(
            "with ufw run: ufw route allow in on {bridge} && ufw route allow out on {bridge}; otherwise: \
             iptables -I FORWARD -i {bridge} -j ACCEPT && iptables -I FORWARD -o {bridge} -j ACCEPT"
        ),
        "filter" if family == "ip" => {
            format!("with ufw run: ufw allow in on {bridge}; otherwise: iptables -I INPUT -i {bridge} -j ACCEPT")
        }
        _ if hook == "forward" => format!(
            "run: nft insert rule {family} {table} {chain} iifname {bridge} accept && \
             nft insert rule {family} {table} {chain} oifname {bridge} accept"
        ),
        _ => format!("run: nft insert rule {family} {table} {chain} iifname {bridge} accept"),
    };
    Obstacle { cause, cure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(chain: Value, knows: bool) -> Vec<String> {
        let found =
            obstacles(&json!({"nftables": [{"metainfo": {}}, {"chain": chain}]}), "barque", "barque0", |_, _| knows);
        found.into_iter().map(|obstacle| format!("{}: {}", obstacle.cause, obstacle.cure)).collect()
    }

    #[test]
    fn a_dropping_forward_chain_is_told_with_its_cure() {
        let docker = json!({"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"});
        let found = check(docker.clone(), false);
        assert!(found[0].starts_with("chain FORWARD of nftables table ip filter drops packets from and to pods"));
        assert!(found[0].contains("iptables -I FORWARD -i barque0 -j ACCEPT"), "{found:?}");
        assert!(check(docker, true).is_empty());
    }

    #[test]
    fn firewalld_rejects_behind_an_accepting_policy() {
        let chain = json!({"family": "inet", "table": "firewalld", "name": "filter_FORWARD", "hook": "forward",
            "policy": "accept"});
        assert!(check(chain, false)[0].contains("--add-interface=barque0"));
    }

    #[test]
    fn what_accepts_and_what_is_ours_is_fine() {
        let accepts =
            json!({"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "accept"});
        let ours = json!({"family": "ip", "table": "barque", "name": "forward", "hook": "forward", "policy": "drop"});
        let plain = json!({"family": "ip", "table": "filter", "name": "x"});
        for chain in [accepts, ours, plain] {
            assert!(check(chain, false).is_empty());
        }
    }
}
