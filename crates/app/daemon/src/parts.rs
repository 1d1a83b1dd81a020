//! What each part is told, taken from the one configuration.

use crate::Config;
use cluster::Encryption;
use netplan::Cidr;
use node::StaticView;
use std::net::IpAddr;

pub fn runtime_config(config: &Config) -> runtime::Config {
    runtime::Config {
        data_dir: config.data_dir.join("runtime"),
        state_dir: config.run_dir.join("rt"),
        cgroup_root: config.instance.clone(),
        registries: config.registries.clone(),
        ..runtime::Config::default()
    }
}

/// Whether a member of a cluster (with an etcd of its own or not) has this part.
type On = fn(&cluster::Membership, bool) -> bool;

/// Parts of this program by the names that people look for.
const VIEWS: [(StaticView, On); 7] = [
    (StaticView { name: "etcd", tier: "control-plane" }, |_, etcd| etcd),
    (StaticView { name: "kube-apiserver", tier: "control-plane" }, |member, _| member.is_control_plane()),
    (StaticView { name: "kube-controller-manager", tier: "control-plane" }, |member, _| member.is_control_plane()),
    (StaticView { name: "kube-scheduler", tier: "control-plane" }, |member, _| member.is_control_plane()),
    (StaticView { name: "coredns", tier: "node" }, |_, _| true),
    (StaticView { name: "kube-flannel", tier: "node" }, |_, _| true),
    (StaticView { name: "kube-proxy", tier: "node" }, |_, _| true),
];

/// On one machine of several: its range of pods comes from the cluster, and there are ways to the others'.
pub fn network_of_member(config: &Config, own: Cidr) -> network::Config {
    network::Config { pod_cidr: own, overlay: true, ..network_config(config) }
}

/// As a member's node registers: without a range of pods, which the cluster gives it.
pub fn node_of_member(config: &Config, member: &cluster::Membership) -> node::Config {
    let labels = match member.role {
        cluster::Role::ControlPlane => node_config(config).labels,
        cluster::Role::Worker => Default::default(),
    };
    let etcd = matches!(member.store, Some(cluster::Store::Member { .. }));
    let static_views = VIEWS.iter().filter(|(_, on)| on(member, etcd)).map(|(view, _)| *view).collect();
    node::Config { labels, pod_cidr: String::new(), taints: member.taints.clone(), static_views, ..node_config(config) }
}

/// The ranges have been checked by [`Config::check`]; one that is wrong falls back to the default.
pub fn network_config(config: &Config) -> network::Config {
    let defaults = network::Config::for_node(&config.node_name);
    let pods = config.pod_range().map_or(defaults.cluster_cidr, |(base, bits)| Cidr::new(base, bits));
    let own = config.pod_range().map_or(defaults.pod_cidr, |(base, _)| Cidr::new(base, 24));
    network::Config {
        pod_cidr: own,
        cluster_cidr: pods,
        service_cidr: config.service_range().map_or(defaults.service_cidr, |(base, bits)| Cidr::new(base, bits)),
        dns_ip: config.dns_address().unwrap_or(defaults.dns_ip),
        cluster_domain: config.cluster_domain.clone(),
        bridge: format!("{}0", config.instance),
        overlay_device: format!("{}.1", config.instance),
        encryption: match config.encryption {
            Encryption::None => network::Encryption::None,
            Encryption::WireGuard => network::Encryption::WireGuard,
        },
        wireguard_device: format!("{}.wg", config.instance),
        wireguard_key: config.data_dir.join("wireguard.key"),
        node_ip: match config.address() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        },
        table: config.instance.clone(),
        state_dir: config.run_dir.join("network"),
        netns_dir: config.run_dir.join("netns"),
        ..defaults
    }
}

pub fn node_config(config: &Config) -> node::Config {
    let defaults = node::Config::for_node(&config.node_name);
    let own = network_config(config).pod_cidr;
    node::Config {
        addresses: vec![config.address()],
        labels: [("node-role.kubernetes.io/control-plane".to_owned(), String::new())].into(),
        pod_cidr: own.to_string(),
        data_dir: config.data_dir.join("node"),
        log_dir: config.data_dir.join("logs"),
        cluster_dns: config.dns_address().map_or(defaults.cluster_dns, IpAddr::from),
        cluster_domain: config.cluster_domain.clone(),
        max_pods: config.max_pods,
        flex_volume_dirs: config.flex_volume_dirs.clone(),
        ..defaults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_members_key_is_with_the_data_and_its_device_bears_the_longest_name() {
        let instance = "ten-bytes-".to_owned();
        let config = Config { encryption: Encryption::WireGuard, instance, data_dir: "/d".into(), ..Config::default() };
        assert!(config.check().is_ok());
        let network = network_of_member(&config, Cidr::new([10, 244, 3, 0].into(), 24));
        assert_eq!((network.overlay, network.encryption), (true, network::Encryption::WireGuard));
        assert_eq!(network.wireguard_key, std::path::Path::new("/d/wireguard.key"));
        assert!(network.wireguard_device.len() <= 15 && network.wireguard_device != network.overlay_device);
        assert_eq!(network_config(&Config::default()).encryption, network::Encryption::None);
    }
}
