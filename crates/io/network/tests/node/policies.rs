//! Network policies, with real servers and clients.

use crate::hosts::{Host, on_hosts};
use crate::running::{Running, start};
use crate::sandbox::*;
use client::resources;
use network::{Network, PodNetwork};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

const DROPPED: &str = "TimedOut";
const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 1);

impl Running {
    /// A plugged pod that serves port 8080 (named `http`) and 81 under its name, which is also its label `app`.
    async fn app(&self, name: &str) -> PodNetwork {
        self.cluster.pod(name, json!({"app": name}), 8080);
        let plugged = self.network.plug(&pod(name), &[]).await.unwrap();
        serve(&plugged.netns, 8080, name);
        serve(&plugged.netns, 81, name);
        plugged
    }
}

#[track_caller]
fn expect_tcp(from: Option<&Path>, to: (Ipv4Addr, u16), expected: &str) {
    expect(|| ask_tcp(from, to, SHORT), expected);
}

#[track_caller]
fn expect(ask: impl Fn() -> String, expected: &str) {
    let start = Instant::now();
    let mut answer = ask();
    while answer != expected && start.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(5));
        answer = ask();
    }
    if answer != expected {
        println!("{}", sh("nft list table ip barque-policy; ip route"));
    }
    assert_eq!(answer, expected);
}

fn from_app(app: &str) -> Value {
    json!({"podSelector": {"matchLabels": {"app": app}}})
}

#[test]
fn a_restricted_pod_gets_only_what_is_allowed_and_probes_of_its_node() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (web, friend, other) = (run.app("web").await, run.app("friend").await, run.app("other").await);
        expect_tcp(Some(&other.netns), (web.ip, 8080), &format!("web {}", other.ip));
        run.cluster.policy("deny", "web", json!({"policyTypes": ["Ingress"]}));
        expect_tcp(Some(&other.netns), (web.ip, 8080), DROPPED);
        expect_tcp(Some(&friend.netns), (web.ip, 8080), DROPPED);
        expect_tcp(None, (web.ip, 8080), "web 10.42.0.1");
        let rule = json!([{"from": [from_app("friend")], "ports": [{"port": "http", "protocol": "TCP"}]}]);
        run.cluster.policy("allow", "web", json!({"policyTypes": ["Ingress"], "ingress": rule}));
        expect_tcp(Some(&friend.netns), (web.ip, 8080), &format!("web {}", friend.ip));
        assert_eq!(ask_tcp(Some(&friend.netns), (web.ip, 81), SHORT), DROPPED);
        assert_eq!(ask_udp(Some(&friend.netns), (web.ip, 8080), SHORT), "WouldBlock");
        assert_eq!(ask_tcp(Some(&other.netns), (web.ip, 8080), SHORT), DROPPED);
        // By a Service, to itself too; and out it may go as before.
        run.cluster.service("web", "10.96.1.1", json!({}));
        run.cluster.endpoints("web", &[web.ip], 8080);
        expect_tcp(Some(&friend.netns), (VIP, 80), &format!("web {}", friend.ip));
        expect_tcp(Some(&web.netns), (VIP, 80), "web 10.42.0.1");
        assert_eq!(ask_tcp(Some(&other.netns), (VIP, 80), SHORT), DROPPED);
        expect_tcp(Some(&web.netns), (other.ip, 8080), &format!("other {}", web.ip));
        // From outside of the cluster: a block of addresses.
        assert_eq!(ask_tcp(Some(&node.outside), (web.ip, 8080), SHORT), DROPPED);
        let block = json!([{"from": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}]}]);
        run.cluster.policy("outside", "web", json!({"policyTypes": ["Ingress"], "ingress": block}));
        expect_tcp(Some(&node.outside), (web.ip, 8080), "web 192.0.2.2");
        for policy in ["deny", "allow", "outside"] {
            run.cluster.delete(&resources::NETWORK_POLICIES, &format!("default/{policy}"));
        }
        expect_tcp(Some(&other.netns), (web.ip, 8080), &format!("web {}", other.ip));
        expect(|| sh("nft list tables"), "table ip barque\n");
        assert!(run.health.verdicts().iter().any(|(part, _)| *part == "network-policies"));
    });
}

#[test]
fn a_pod_that_may_send_little_still_reaches_dns() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (web, db, client) = (run.app("web").await, run.app("db").await, run.app("client").await);
        let rule = json!([{"to": [from_app("db")], "ports": [{"port": "http", "protocol": "TCP"}]}]);
        run.cluster.policy("out", "client", json!({"policyTypes": ["Egress"], "egress": rule}));
        expect_tcp(Some(&client.netns), (web.ip, 8080), DROPPED);
        expect_tcp(Some(&client.netns), (db.ip, 8080), &format!("db {}", client.ip));
        assert_eq!(ask_tcp(Some(&client.netns), (db.ip, 81), SHORT), DROPPED);
        serve(Path::new("/proc/thread-self/ns/net"), 8081, "node");
        assert_eq!(ask_tcp(Some(&client.netns), (NODE_IP, 8081), SHORT), DROPPED);
        assert_ne!(ask_tcp(Some(&client.netns), (node.config.dns_ip, 53), SHORT), DROPPED);
        assert_eq!(ask_tcp(Some(&web.netns), (client.ip, 8080), LONG), format!("client {}", web.ip));
    });
}

#[test]
fn a_new_pod_meets_its_policies_with_its_first_packet() {
    on_a_node(async |node| {
        let run = start(&node).await;
        run.cluster.policy("deny", "late", json!({"policyTypes": ["Ingress", "Egress"]}));
        let other = run.app("other").await;
        for round in 0..5 {
            let late = run.app("late").await;
            let (to, from) = (other.clone(), late.clone());
            assert_eq!(ask_tcp(Some(&from.netns), (to.ip, 8080), SHORT), DROPPED, "round {round}");
            assert_eq!(ask_tcp(Some(&to.netns), (from.ip, 8080), SHORT), DROPPED, "round {round}");
            run.network.unplug(&pod("late")).await.unwrap();
        }
        run.network.purge().await.unwrap();
        assert_eq!(sh("nft list ruleset"), "");
        assert_clean();
    });
}

#[test]
fn a_new_process_takes_over_and_removes_what_is_no_longer_wanted() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (web, other) = (run.app("web").await, run.app("other").await);
        run.cluster.policy("deny", "web", json!({"policyTypes": ["Ingress"]}));
        expect_tcp(Some(&other.netns), (web.ip, 8080), DROPPED);
        let Running { cluster, network, health } = run;
        drop(network);
        assert_eq!(ask_tcp(Some(&other.netns), (web.ip, 8080), SHORT), DROPPED);
        let network = Network::start(node.config.clone(), cluster.clone(), &health).await.unwrap();
        assert_eq!(ask_tcp(Some(&other.netns), (web.ip, 8080), SHORT), DROPPED);
        drop(network);
        cluster.delete(&resources::NETWORK_POLICIES, "default/deny");
        let _network = Network::start(node.config.clone(), cluster.clone(), &health).await.unwrap();
        expect_tcp(Some(&other.netns), (web.ip, 8080), &format!("web {}", other.ip));
    });
}

#[test]
fn pods_of_other_nodes_are_peers_by_their_labels() {
    on_hosts(2, |cluster, mut hosts| {
        hosts.iter_mut().for_each(Host::join);
        let [one, two] = &hosts[..] else { unreachable!() };
        cluster.pod("web", json!({"app": "web"}), 8080);
        let web = one.server("web");
        let (friend, other) = (two.server("friend"), two.server("other"));
        let ask = move |from: &PodNetwork| {
            let (netns, to) = (from.netns.clone(), web.ip);
            move || ask_tcp(Some(&netns), (to, 8080), SHORT)
        };
        two.expect(&format!("web {}", other.ip), ask(&other));
        cluster.policy("some", "web", json!({"policyTypes": ["Ingress"], "ingress": [{"from": [from_app("friend")]}]}));
        two.expect(DROPPED, ask(&other));
        two.expect(DROPPED, ask(&friend));
        for (name, plugged) in [("friend", &friend), ("other", &other)] {
            cluster.apply(
                &resources::PODS,
                json!({"kind": "Pod", "apiVersion": "v1", "spec": {}, "status": {"podIP": plugged.ip},
                    "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": name}}}),
            );
        }
        two.expect(&format!("web {}", friend.ip), ask(&friend));
        two.expect(DROPPED, ask(&other));
    });
}
