//! A pod's `/etc/hosts`.
//!
//! Upstream: `pkg/kubelet/kubelet_pods.go` (`managedHostsFileContent`, `nodeHostsFileContent`).

use std::fmt::Write;
use std::net::IpAddr;

/// An entry of `spec.hostAliases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAlias {
    pub ip: String,
    pub hostnames: Vec<String>,
}

/// For a pod with a network of its own. `domain` is `subdomain.namespace.svc.<cluster domain>`, empty without subdomain.
pub fn pod_hosts(addresses: &[IpAddr], hostname: &str, domain: &str, aliases: &[HostAlias]) -> String {
    let mut text = String::from(
        "# Kubernetes-managed hosts file.\n\
         127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\n\
         fe00::0\tip6-mcastprefix\n\
         fe00::1\tip6-allnodes\n\
         fe00::2\tip6-allrouters\n",
    );
    for address in addresses {
        _ = match domain {
            "" => writeln!(text, "{address}\t{hostname}"),
            domain => writeln!(text, "{address}\t{hostname}.{domain}\t{hostname}"),
        };
    }
    text + &entries(aliases)
}

/// For a pod in the node's network: the node's own file and the pod's aliases.
pub fn host_network_hosts(node_hosts: &str, aliases: &[HostAlias]) -> String {
    format!("# Kubernetes-managed hosts file (host network).\n{node_hosts}{}", entries(aliases))
}

fn entries(aliases: &[HostAlias]) -> String {
    if aliases.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n# Entries added by HostAliases.\n");
    for alias in aliases {
        _ = writeln!(text, "{}\t{}", alias.ip, alias.hostnames.join("\t"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn of_a_pod_with_subdomain_and_alias() {
        let aliases = [HostAlias { ip: "10.1.2.3".into(), hostnames: vec!["foo".into(), "bar".into()] }];
        let text = pod_hosts(&["10.42.0.5".parse().unwrap()], "db-0", "db.shop.svc.cluster.local", &aliases);
        expect![[r#"
            # Kubernetes-managed hosts file.
            127.0.0.1	localhost
            ::1	localhost ip6-localhost ip6-loopback
            fe00::0	ip6-localnet
            fe00::0	ip6-mcastprefix
            fe00::1	ip6-allnodes
            fe00::2	ip6-allrouters
            10.42.0.5	db-0.db.shop.svc.cluster.local	db-0

            # Entries added by HostAliases.
            10.1.2.3	foo	bar
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn of_a_pod_in_the_nodes_network() {
        let text = host_network_hosts("127.0.0.1 localhost\n", &[]);
        assert_eq!(text, "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n");
    }
}
