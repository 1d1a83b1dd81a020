//! Pods of several nodes, encrypted.

use crate::cluster::Cluster;
use crate::hosts::{Host, on_hosts};
use crate::overlay::{all_reach_all, expect_tcp, expect_udp, largest_packets, verdict};
use crate::sandbox::*;
use crate::traffic::{pour, sink};
use crate::wire::Wire;
use client::resources;
use network::{Encryption, Network};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Instant;

const INDEX: &str = "ip -o link show dev barque.wg | cut -d: -f1";
const WAYS: &str = "ip route show dev barque.wg 2>/dev/null || true";

fn on_encrypted_hosts(count: u8, test: impl FnOnce(Arc<Cluster>, Vec<Host>) + Send + 'static) {
    on_hosts(count, |cluster, mut hosts| {
        for host in &mut hosts {
            host.config.encryption = Encryption::WireGuard;
        }
        test(cluster, hosts);
    });
}

#[test]
fn pods_and_nodes_reach_pods_of_every_other_node_under_their_own_address() {
    on_encrypted_hosts(3, |cluster, hosts| all_reach_all(&cluster, hosts));
}

/// Asks until a pod whose name is the text has answered, and tells whether the text was readable on the wire.
fn is_readable(encryption: Encryption) -> bool {
    const TEXT: &str = "a-text-that-is-easy-to-find";
    let (tell, told) = std::sync::mpsc::channel();
    on_hosts(2, move |_, mut hosts| {
        for host in &mut hosts {
            host.config.encryption = encryption;
            host.join();
        }
        let wire = Wire::listen();
        let [one, two] = &hosts[..] else { unreachable!() };
        let (a, b) = (one.server("a"), two.server(TEXT));
        expect_tcp(one, Some(&a), (b.ip, 8080), &format!("{TEXT} {}", a.ip));
        expect_udp(one, Some(&a), (b.ip, 8080), &format!("{TEXT} {}", a.ip));
        let (all, readable) = wire.heard(TEXT);
        assert!(all > 10, "{all}");
        tell.send(readable > 0).unwrap();
    });
    told.recv().unwrap()
}

#[test]
fn nothing_is_readable_on_the_wire() {
    assert!(is_readable(Encryption::None), "or this test would not see it");
    assert!(!is_readable(Encryption::WireGuard));
}

#[test]
fn the_largest_packets_pass_and_larger_ones_are_refused() {
    on_encrypted_hosts(2, |_, hosts| largest_packets(1440, hosts));
}

#[test]
fn nodes_tell_their_keys_and_peers_follow_nodes() {
    on_encrypted_hosts(2, |cluster, mut hosts| {
        hosts.iter_mut().for_each(Host::join);
        let mut two = hosts.pop().unwrap();
        let one = hosts.pop().unwrap();
        let (a, b) = (one.server("a"), two.server("b"));
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        let all = "10.42.0.0/16 proto static scope link src 10.42.1.1 \n";
        one.expect_sh(WAYS, &format!("{all}10.42.2.0/24 proto static scope link src 10.42.1.1 \n"));
        let seen = cluster.clone();
        let told = move || {
            let annotations = seen.node("n2").unwrap()["metadata"]["annotations"].clone();
            let told =
                |name: &str| annotations[format!("flannel.alpha.coreos.com/{name}")].as_str().unwrap().to_owned();
            (told("backend-type"), told("backend-data"), told("public-ip"))
        };
        let (kind, first, address) = told();
        assert_eq!((kind.as_str(), address.as_str()), ("wireguard", "192.0.2.2"));
        assert!(first.starts_with(r#"{"PublicKey":""#) && first.len() == 60, "{first}");
        let mode = two.run(async { std::fs::metadata("/run/wireguard.key").unwrap().permissions().mode() });
        assert_eq!(mode & 0o777, 0o600);
        // A node that has lost its key makes another, and others follow.
        two.stop();
        two.sh("rm /run/wireguard.key");
        two.start();
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        assert_ne!(told().1, first);
        // What is meant for a node that is gone does not leave by the default route, where everybody could read it.
        cluster.delete(&resources::NODES, "n2");
        one.expect_sh(WAYS, all);
        let way = one.sh(&format!("ip route get {}", b.ip));
        assert!(way.contains("dev barque.wg"), "{way}");
        let netns = a.netns.clone();
        assert_eq!(one.run(async move { ask_tcp(Some(&netns), (b.ip, 8080), SHORT) }), "TimedOut");
    });
}

#[test]
fn a_new_process_goes_on_and_mends_what_differs() {
    on_encrypted_hosts(2, |cluster, mut hosts| {
        hosts.iter_mut().for_each(Host::join);
        let two = hosts.pop().unwrap();
        let mut one = hosts.pop().unwrap();
        let (a, b) = (one.server("a"), two.server("b"));
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        let (ways, index) = (one.sh(WAYS), one.sh(INDEX));
        one.stop();
        one.expect_sh("ip route show dev barque.wg | sed 's/linkdown //'", &ways);
        one.sh("ip route del 10.42.2.0/24; ip route add 10.42.9.0/24 dev barque.wg");
        one.start();
        one.expect_sh(WAYS, &ways);
        assert_eq!(one.sh(INDEX), index);
        expect_tcp(&two, Some(&b), (a.ip, 8080), &format!("a {}", b.ip));
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        // Deleted under our hands, it comes back with the next news of any node.
        one.sh("ip link del barque.wg");
        cluster.put_node("n2", "10.42.2.0/24", "192.0.2.2");
        one.expect_sh(WAYS, &ways);
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        // A device of another kind is made anew.
        one.stop();
        one.sh("ip link del barque.wg; ip link add barque.wg type bridge");
        one.start();
        one.expect_sh(WAYS, &ways);
        expect_tcp(&one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
    });
}

#[test]
fn purging_leaves_the_host_as_it_was() {
    on_encrypted_hosts(2, |_, mut hosts| {
        const SEEN: &str = "ip addr; ip route show table all; ip neigh show nud permanent; nft list ruleset; ss -ulnH";
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
        // Without a running component, and without knowing what it was.
        one.start();
        one.server("c");
        one.expect_sh("ip -o link show dev barque.wg | wc -l", "1\n");
        one.stop();
        let mut config = one.config.clone();
        config.overlay = false;
        config.encryption = Encryption::None;
        one.run(async move { Network::purge_all(&config).await.unwrap() });
        one.expect_sh(SEEN, &before);
    });
}

#[test]
fn a_node_without_a_key_is_told_in_the_health_and_others_are_reached() {
    on_encrypted_hosts(2, |cluster, mut hosts| {
        cluster.put_node("n8", "10.42.8.0/24", "192.0.2.8");
        hosts.iter_mut().for_each(Host::join);
        let [one, two] = &hosts[..] else { unreachable!() };
        let (a, b) = (one.server("a"), two.server("b"));
        expect_tcp(one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
        one.expect("pods of node n8 cannot be reached: it tells no WireGuard key", verdict(one));
        cluster.delete(&resources::NODES, "n8");
        one.expect("Well", verdict(one));
    });
}

/// Prints figures, asserts that there are any. `cargo nextest run --cargo-profile ci -p network --run-ignored only
/// --no-capture how_fast`
#[test]
#[ignore = "a measurement"]
fn how_fast() {
    const BYTES: usize = 256 << 20;
    for encryption in [Encryption::None, Encryption::WireGuard] {
        on_hosts(2, move |_, mut hosts| {
            for host in &mut hosts {
                host.config.encryption = encryption;
                host.join();
            }
            let [one, two] = &hosts[..] else { unreachable!() };
            let (a, b) = (one.server("a"), two.server("b"));
            expect_tcp(one, Some(&a), (b.ip, 8080), &format!("b {}", a.ip));
            sink(two, &b);
            let (netns, to) = (a.netns.clone(), b.ip);
            let start = Instant::now();
            assert_eq!(one.run(async move { within(&netns, move || pour(to, BYTES)) }), BYTES as u64);
            let seconds = start.elapsed().as_secs_f64();
            println!("{encryption:?}: {:.0} Mbit/s", BYTES as f64 * 8e-6 / seconds);
            assert!(seconds > 0.0);
        });
    }
}
