//! A pod's `/etc/resolv.conf`, and reading the node's.
//!
//! Upstream: `pkg/kubelet/network/dns/dns.go`; the order of lines is containerd's.

use std::net::IpAddr;

/// More name servers than this are ignored by the C library. Upstream: `MaxDNSNameservers`.
const MAX_NAMESERVERS: usize = 3;
/// Upstream: `MaxDNSSearchPaths`, `MaxDNSSearchListChars`.
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARS: usize = 2048;

/// What a resolv.conf says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolv {
    pub nameservers: Vec<String>,
    pub searches: Vec<String>,
    /// `ndots:5`, `edns0`.
    pub options: Vec<String>,
}

/// Upstream: `spec.dnsPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DnsPolicy {
    #[default]
    ClusterFirst,
    ClusterFirstWithHostNet,
    Default,
    None,
}

/// What a pod's resolv.conf depends on.
#[derive(Debug, Clone, Copy)]
pub struct PodDns<'a> {
    pub policy: DnsPolicy,
    /// `spec.dnsConfig`; options as `name:value` or `name`.
    pub config: Option<&'a Resolv>,
    pub host_network: bool,
    pub namespace: &'a str,
    /// `cluster.local`.
    pub cluster_domain: &'a str,
    pub cluster_dns: IpAddr,
    /// The node's own resolv.conf (see [`parse`]).
    pub node: &'a Resolv,
}

impl DnsPolicy {
    /// As `spec.dnsPolicy` writes it; anything else is the default.
    pub fn from_name(text: &str) -> Self {
        match text {
            "ClusterFirstWithHostNet" => Self::ClusterFirstWithHostNet,
            "Default" => Self::Default,
            "None" => Self::None,
            _ => Self::ClusterFirst,
        }
    }
}

/// The text of the pod's `/etc/resolv.conf`.
///
/// What exceeds the C library's limits is left out, as upstream does.
pub fn resolv_conf(pod: &PodDns<'_>) -> String {
    let mut wanted = match pod.policy {
        DnsPolicy::None => Resolv::default(),
        DnsPolicy::Default => of_node(pod.node),
        DnsPolicy::ClusterFirst if pod.host_network => of_node(pod.node),
        DnsPolicy::ClusterFirst | DnsPolicy::ClusterFirstWithHostNet => of_cluster(pod),
    };
    if let Some(config) = pod.config {
        append(&mut wanted, config);
    }
    render(wanted)
}

/// Reads a resolv.conf; of several `search` or `domain` lines the last one counts.
pub fn parse(text: &str) -> Resolv {
    let mut found = Resolv::default();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => found.nameservers.extend(words.next()),
            Some("search" | "domain") => found.searches = words.collect(),
            Some("options") => words.for_each(|option| push_option(&mut found.options, option)),
            _ => {}
        }
    }
    found
}

fn of_node(node: &Resolv) -> Resolv {
    node.clone()
}

fn of_cluster(pod: &PodDns<'_>) -> Resolv {
    let domain = pod.cluster_domain;
    let mut searches = vec![format!("{}.svc.{domain}", pod.namespace), format!("svc.{domain}"), domain.to_owned()];
    append_new(&mut searches, &pod.node.searches);
    Resolv { nameservers: vec![pod.cluster_dns.to_string()], searches, options: vec!["ndots:5".to_owned()] }
}

fn append(to: &mut Resolv, more: &Resolv) {
    append_new(&mut to.nameservers, &more.nameservers);
    append_new(&mut to.searches, &more.searches);
    for option in &more.options {
        push_option(&mut to.options, option.clone());
    }
}

fn append_new(to: &mut Vec<String>, more: &[String]) {
    for item in more {
        if !to.contains(item) {
            to.push(item.clone());
        }
    }
}

/// A later `ndots:2` replaces an earlier `ndots:5`.
fn push_option(to: &mut Vec<String>, option: String) {
    let name = |option: &str| option.split(':').next().unwrap_or_default().to_owned();
    match to.iter_mut().find(|known| name(known) == name(&option)) {
        Some(known) => *known = option,
        None => to.push(option),
    }
}

fn render(mut wanted: Resolv) -> String {
    wanted.nameservers.truncate(MAX_NAMESERVERS);
    wanted.searches.truncate(MAX_SEARCHES);
    while wanted.searches.join(" ").len() > MAX_SEARCH_CHARS {
        wanted.searches.pop();
    }
    let mut text = String::new();
    if !wanted.searches.is_empty() {
        text += &format!("search {}\n", wanted.searches.join(" "));
    }
    for server in &wanted.nameservers {
        text += &format!("nameserver {server}\n");
    }
    if !wanted.options.is_empty() {
        text += &format!("options {}\n", wanted.options.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const NODE: &str = "# made by hand\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch home.arpa\noptions edns0\n";

    #[track_caller]
    fn check(policy: &str, host_network: bool, config: Option<&str>, expected: Expect) {
        expected.assert_eq(&text(policy, host_network, config));
    }

    fn text(policy: &str, host_network: bool, config: Option<&str>) -> String {
        let node = parse(NODE);
        let config = config.map(parse);
        resolv_conf(&PodDns {
            policy: DnsPolicy::from_name(policy),
            config: config.as_ref(),
            host_network,
            namespace: "shop",
            cluster_domain: "cluster.local",
            cluster_dns: "10.96.0.10".parse().unwrap(),
            node: &node,
        })
    }

    #[test]
    fn cluster_first() {
        let cluster = expect![[r#"
            search shop.svc.cluster.local svc.cluster.local cluster.local home.arpa
            nameserver 10.96.0.10
            options ndots:5
        "#]];
        check("ClusterFirst", false, None, cluster);
        assert_eq!(text("ClusterFirstWithHostNet", true, None), text("ClusterFirst", false, None));
    }

    #[test]
    fn the_nodes_own() {
        let node = expect![[r#"
            search home.arpa
            nameserver 192.0.2.1
            nameserver 192.0.2.2
            options edns0
        "#]];
        check("Default", false, None, node);
        assert_eq!(text("ClusterFirst", true, None), text("Default", false, None));
    }

    #[test]
    fn config_is_added_and_overrides_options() {
        check(
            "ClusterFirst",
            false,
            Some("nameserver 198.51.100.7\nnameserver 10.96.0.10\nsearch extra.example\noptions ndots:2 timeout:1"),
            expect![[r#"
                search shop.svc.cluster.local svc.cluster.local cluster.local home.arpa extra.example
                nameserver 10.96.0.10
                nameserver 198.51.100.7
                options ndots:2 timeout:1
            "#]],
        );
    }

    #[test]
    fn none_has_only_the_config() {
        check("None", false, Some("nameserver 1.1.1.1"), expect!["nameserver 1.1.1.1\n"]);
        check("None", false, None, expect![""]);
    }
}
