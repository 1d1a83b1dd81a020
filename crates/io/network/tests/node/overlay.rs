//! Pods of several nodes, over VXLAN.

use crate::cluster::Cluster;
use crate::hosts::{Host, on_hosts};
use crate::sandbox::*;
use crate::traffic::{bulk, echo, whole};
use client::{Api, resources};
use network::{Network, PodNetwork};
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;
use telemetry::Verdict;

const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 1);
const INDEX: &str = "ip -o link show dev barque.1 | cut -d: -f1";
/// All that other nodes leave in the kernel.
const WAYS: &str = "{ ip route show dev barque.1; ip neigh show dev barque.1 nud permanent
                    bridge fdb show dev barque.1 | grep dst | sort; } 2>/dev/null || true";

#[track_caller]
pub fn expect_tcp(host: &Host, from: Option<&PodNetwork>, to: (Ipv4Addr, u16), expected: &str) {
    let netns = from.map(|pod| pod.netns.clone());
    host.expect(expected, move || ask_tcp(netns.as_deref(), to, SHORT));
}

#[track_caller]
pub fn expect_udp(host: &Host, from: Option<&PodNetwork>, to: (Ipv4Addr, u16), expected: &str) {
    let netns = from.map(|pod| pod.netns.clone());
    host.expect(expected, move || ask_udp(netns.as_deref(), to, SHORT));
}

/// What the overlay says of itself.
pub fn verdict(host: &Host) -> impl Fn() -> String + Send + Clone + 'static {
    let health = host.health.clone();
    move || {
        health.verdicts().into_iter().find(|it| it.0 == "overlay").map_or(String::new(), |it| match it.1 {
            Verdict::Ill { cause, .. } => cause,
            other => format!("{other:?}"),
        })
    }
}

/// Three hosts: every pod and node reaches the pods of the others, by address, Service and node port.
pub fn all_reach_all(cluster: &Cluster, mut hosts: Vec<Host>) {
    hosts.iter_mut().for_each(Host::join);
    let [one, two, three] = &hosts[..] else { unreachable!() };
    let (a, b, c) = (one.server("a"), two.server("b"), three.server("c"));
    for (host, from, to, name) in [(one, &a, &b, "b"), (two, &b, &a, "a"), (three, &c, &a, "a"), (one, &a, &c, "c")] {
        expect_tcp(host, Some(from), (to.ip, 8080), &format!("{name} {}", from.ip));
        expect_udp(host, Some(from), (to.ip, 8080), &format!("{name} {}", from.ip));
    }
    expect_tcp(one, None, (b.ip, 8080), "b 10.42.1.1");
    cluster.service("web", "10.96.1.1", json!({"type": "NodePort", "ports": [
        {"name": "tcp", "port": 80, "nodePort": 30080}, {"name": "udp", "port": 80, "protocol": "UDP", "nodePort": 30080}]}));
    cluster.endpoints("web", &[b.ip], 8080);
    expect_tcp(one, Some(&a), (VIP, 80), &format!("b {}", a.ip));
    expect_udp(one, Some(&a), (VIP, 80), &format!("b {}", a.ip));
    expect_tcp(one, None, (VIP, 80), "b 10.42.1.1");
    // From outside by a node that has no endpoint: answers must come back through it.
    expect_tcp(two, None, (one.address, 30080), "b 10.42.1.0");
    for host in &hosts {
        host.expect("Well", verdict(host));
    }
}

/// Two hosts: packets of this size pass between their pods, larger ones are refused, and much passes at once.
pub fn largest_packets(mtu: u32, mut hosts: Vec<Host>) {
    hosts.iter_mut().for_each(Host::join);
    let [one, two] = &hosts[..] else { unreachable!() };
    let (a, b) = (one.server("a"), two.server("b"));
    assert_eq!((a.mtu, b.mtu), (mtu, mtu));
    expect_udp(one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
    // 28 bytes of IPv4 and UDP header.
    let (from, to, size) = (a.netns.clone(), b.ip, mtu as usize - 28);
    assert_eq!(one.run(async move { whole(from, to, size) }), format!("b {}", a.ip));
    let from = a.netns.clone();
    assert_eq!(one.run(async move { whole(from, to, size + 1) }), "EMSGSIZE");
    echo(two, &b);
    let netns = a.netns.clone();
    assert_eq!(one.run(async move { within(&netns, move || bulk(to, 4 << 20)) }), 4 << 20);
}

#[test]
fn pods_and_nodes_reach_pods_of_every_other_node_under_their_own_address() {
    on_hosts(3, |cluster, hosts| all_reach_all(&cluster, hosts));
}

#[test]
fn the_largest_packets_pass_and_larger_ones_are_refused() {
    on_hosts(2, |_, hosts| largest_packets(1450, hosts));
}

#[test]
fn nodes_tell_the_way_to_them_and_ways_follow_nodes() {
    on_hosts(2, |cluster, mut hosts| {
        hosts.iter_mut().for_each(Host::join);
        let two = hosts.pop().unwrap();
        let one = hosts.pop().unwrap();
        let (a, b) = (one.server("a"), two.server("b"));
        one.expect_sh(
            WAYS,
            "10.42.2.0/24 via 10.42.2.0 proto static src 10.42.1.1 onlink \n\
             10.42.2.0 lladdr 0a:58:0a:2a:02:00 PERMANENT \n\
             0a:58:0a:2a:02:00 dst 192.0.2.2 self permanent\n",
        );
        let told = cluster.clone();
        let annotations = move |node: &str| told.node(node).unwrap()["metadata"]["annotations"].to_string();
        let expected = |address: &str| {
            json!({
                "flannel.alpha.coreos.com/backend-data": r#"{"VNI":1,"VtepMAC":"0a:58:0a:2a:02:00"}"#,
                "flannel.alpha.coreos.com/backend-type": "vxlan",
                "flannel.alpha.coreos.com/kube-subnet-manager": "true",
                "flannel.alpha.coreos.com/public-ip": address,
            })
            .to_string()
        };
        let ask = annotations.clone();
        two.expect(&expected("192.0.2.2"), move || ask("n2"));
        // Another address: the node tells it, others follow, pods go on.
        two.sh("ip addr add 192.0.2.77/24 dev up0; ip addr del 192.0.2.2/24 dev up0
                ip addr replace 192.0.2.77/24 dev up0; ip route replace default via 192.0.2.254");
        cluster.put_node("n2", "10.42.2.0/24", "192.0.2.77");
        two.expect(&expected("192.0.2.77"), move || annotations("n2"));
        one.expect_sh("bridge fdb show dev barque.1 | grep dst", "0a:58:0a:2a:02:00 dst 192.0.2.77 self permanent\n");
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        // A node that goes leaves nothing.
        cluster.delete(&resources::NODES, "n2");
        one.expect_sh(WAYS, "");
        let way = one.sh(&format!("ip route get {}", b.ip));
        assert!(way.contains("via 192.0.2.254 dev up0"), "{way}");
    });
}

#[test]
fn a_new_process_mends_what_differs_and_pods_do_not_notice() {
    on_hosts(2, |_, mut hosts| {
        hosts.iter_mut().for_each(Host::join);
        let two = hosts.pop().unwrap();
        let mut one = hosts.pop().unwrap();
        let (a, b) = (one.server("a"), two.server("b"));
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        let (ways, index) = (one.sh(WAYS), one.sh(INDEX));
        one.stop();
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        one.sh("ip route del 10.42.2.0/24; ip route add 10.42.9.0/24 via 10.42.9.0 dev barque.1 onlink
                ip route add 10.42.8.0/24 dev barque.1
                ip neigh add 10.42.9.0 lladdr 0a:58:0a:2a:09:00 dev barque.1
                bridge fdb replace 0a:58:0a:2a:02:00 dev barque.1 dst 192.0.2.99 self permanent
                bridge fdb append 0a:58:0a:2a:09:00 dev barque.1 dst 192.0.2.9 self permanent");
        one.start();
        one.expect_sh(WAYS, &ways);
        assert_eq!(one.sh(INDEX), index);
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        // A device of another kind of network is made anew.
        one.stop();
        one.sh("ip link del barque.1; ip link add barque.1 type vxlan id 7 dstport 4789; ip link set barque.1 up");
        one.start();
        one.expect_sh(WAYS, &ways);
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
    });
}

#[test]
fn purging_leaves_the_host_as_it_was() {
    on_hosts(2, |_, mut hosts| {
        const SEEN: &str =
            "ip addr; ip route show table all; ip neigh show nud permanent; bridge fdb; nft list ruleset";
        let mut two = hosts.pop().unwrap();
        let mut one = hosts.pop().unwrap();
        two.join();
        let before = one.sh(SEEN);
        one.join();
        let (a, b) = (one.server("a"), two.server("b"));
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        let network = one.network();
        one.run(async move { network.purge().await.unwrap() });
        assert_eq!(one.sh(SEEN), before);
        assert_eq!(one.sh("ls /run/barque/network/leases /run/barque/netns 2>/dev/null || true"), "");
        // Without a running component, and without knowing the node's range.
        one.start();
        one.server("c");
        one.expect_sh("ip -o link show dev barque.1 | wc -l", "1\n");
        one.stop();
        let mut config = one.config.clone();
        config.pod_cidr = "10.42.200.0/24".parse().unwrap();
        config.overlay = false;
        one.run(async move { Network::purge_all(&config).await.unwrap() });
        assert_eq!(one.sh(SEEN), before);
    });
}

#[test]
fn a_node_waits_for_the_range_that_a_controller_gives_it() {
    on_hosts(1, |cluster, mut hosts| {
        let mut one = hosts.pop().unwrap();
        cluster.put_node("n1", "", "");
        cluster.put_node("n2", "10.42.2.0/24", "192.0.2.2");
        let api: Arc<dyn Api> = cluster.clone();
        let waiting = one.spawn(async move { Network::own_pod_cidr(&api, "n1").await });
        one.run(async { tokio::task::yield_now().await });
        assert!(!waiting.is_finished());
        cluster.put_node("n1", "10.42.7.0/24", "");
        one.config.pod_cidr = one.run(async move { tokio::time::timeout(LONG, waiting).await.unwrap().unwrap() });
        one.start();
        assert_eq!(one.server("a").ip.to_string(), "10.42.7.2");
        one.expect_sh("ip -o -4 addr show dev barque.1 | awk '{print $4}'", "10.42.7.0/32\n");
    });
}

#[test]
fn a_node_of_another_kind_is_told_in_the_health_and_others_are_reached() {
    on_hosts(2, |cluster, mut hosts| {
        cluster.apply(
            &resources::NODES,
            json!({"metadata": {"name": "n9", "annotations": {"flannel.alpha.coreos.com/backend-type": "host-gw"}},
                   "spec": {"podCIDR": "10.42.9.0/24"}}),
        );
        hosts.iter_mut().for_each(Host::join);
        let [one, two] = &hosts[..] else { unreachable!() };
        let (a, b) = (one.server("a"), two.server("b"));
        expect_tcp(one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        one.expect("pods of node n9 cannot be reached: it speaks host-gw, not vxlan", verdict(one));
    });
}

#[test]
fn more_nodes_than_the_kernel_keeps_neighbours_by_itself() {
    const NODES: u16 = 1500;
    on_hosts(1, |cluster, mut hosts| {
        let mut one = hosts.pop().unwrap();
        one.config.pod_cidr = "10.0.0.0/24".parse().unwrap();
        one.config.cluster_cidr = "10.0.0.0/8".parse().unwrap();
        for number in 0..NODES {
            let [high, low] = number.to_be_bytes();
            cluster.put_node(
                &format!("m{number}"),
                &format!("10.{}.{low}.0/24", high + 1),
                &format!("192.0.{high}.{low}"),
            );
        }
        one.join();
        const COUNT: &str = "ip route show dev barque.1 | wc -l; ip neigh show dev barque.1 nud permanent | wc -l
                             bridge fdb show dev barque.1 | grep -c dst || true";
        one.expect_sh(COUNT, &format!("{NODES}\n").repeat(3));
        for number in 0..NODES {
            cluster.delete(&resources::NODES, &format!("m{number}"));
        }
        one.expect_sh(COUNT, &"0\n".repeat(3));
    });
}
