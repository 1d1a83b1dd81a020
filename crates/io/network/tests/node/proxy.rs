//! The Service proxy, with real servers and clients.

use crate::running::{Running, start};
use crate::sandbox::*;
use client::resources;
use network::{HostPort, Network, PodNetwork, Protocol};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};
use telemetry::Verdict;

const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 1);
const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

impl Running {
    /// A plugged pod that serves port 8080 under its name.
    async fn server(&self, name: &str, host_ports: &[HostPort]) -> PodNetwork {
        let plugged = self.network.plug(&pod(name), host_ports).await.unwrap();
        serve(&plugged.netns, 8080, name);
        plugged
    }
}

/// Asks until the answer is as expected: rules follow objects a moment later.
#[track_caller]
fn expect_tcp(from: Option<&Path>, to: (Ipv4Addr, u16), expected: &str) {
    expect(|| ask_tcp(from, to, SHORT), expected, to.into());
}

#[track_caller]
fn expect_udp(from: Option<&Path>, to: (Ipv4Addr, u16), expected: &str) {
    expect(|| ask_udp(from, to, SHORT), expected, to.into());
}

#[track_caller]
fn expect(ask: impl Fn() -> String, expected: &str, to: SocketAddr) {
    let start = Instant::now();
    let mut answer = ask();
    while answer != expected && start.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(5));
        answer = ask();
    }
    if answer != expected {
        println!("{}", sh("nft list ruleset; ip route; conntrack -L 2>/dev/null || true"));
    }
    assert_eq!(answer, expected, "from {to}");
}

#[test]
fn a_cluster_ip_leads_to_endpoints_from_pods_node_and_outside() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (a, client) = (run.server("a", &[]).await, run.server("client", &[]).await);
        run.cluster.service("web", "10.96.1.1", json!({}));
        run.cluster.endpoints("web", &[a.ip], 8080);
        expect_tcp(Some(&client.netns), (VIP, 80), &format!("a {}", client.ip));
        expect_udp(Some(&client.netns), (VIP, 80), &format!("a {}", client.ip));
        expect_tcp(None, (VIP, 80), "a 10.42.0.1");
        expect_udp(None, (VIP, 80), "a 10.42.0.1");
        expect_tcp(Some(&node.outside), (VIP, 80), "a 10.42.0.1");
        // Hairpin: led to itself a pod must see another source than its own.
        expect_tcp(Some(&a.netns), (VIP, 80), "a 10.42.0.1");
        expect_udp(Some(&a.netns), (VIP, 80), "a 10.42.0.1");
    });
}

#[test]
fn all_endpoints_get_their_share() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let mut addresses = Vec::new();
        for name in ["a", "b", "c"] {
            addresses.push(run.server(name, &[]).await.ip);
        }
        run.cluster.service("web", "10.96.1.1", json!({}));
        run.cluster.endpoints("web", &addresses, 8080);
        expect_tcp(None, (VIP, 80), "c 10.42.0.1");
        let answers: BTreeSet<String> = (0..60).map(|_| ask_tcp(None, (VIP, 80), LONG)).collect();
        assert_eq!(answers.len(), 3, "{answers:?}");
    });
}

#[test]
fn a_node_port_is_open_on_every_address_of_the_node() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (a, client) = (run.server("a", &[]).await, run.server("client", &[]).await);
        let ports = json!([{"name": "tcp", "port": 80, "nodePort": 30080}, {"name": "udp", "port": 80, "protocol": "UDP", "nodePort": 30080}]);
        run.cluster.service("web", "10.96.1.1", json!({"type": "NodePort", "ports": ports}));
        run.cluster.endpoints("web", &[a.ip], 8080);
        for from in [Some(&*node.outside), None, Some(&*client.netns), Some(&*a.netns)] {
            expect_tcp(from, (NODE_IP, 30080), "a 10.42.0.1");
            expect_udp(from, (NODE_IP, 30080), "a 10.42.0.1");
        }
        expect_tcp(None, (LOCALHOST, 30080), "a 10.42.0.1");
        expect_udp(None, (LOCALHOST, 30080), "a 10.42.0.1");
        expect_tcp(None, (a.gateway, 30080), "a 10.42.0.1");
    });
}

#[test]
fn a_local_policy_keeps_the_source_and_refuses_to_leave_the_node() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (a, b) = (run.server("a", &[]).await, run.server("b", &[]).await);
        let ports = json!([{"name": "tcp", "port": 80, "nodePort": 30080}]);
        let spec = json!({"type": "NodePort", "ports": ports, "externalTrafficPolicy": "Local", "externalIPs": ["198.51.100.7"]});
        run.cluster.service("web", "10.96.1.1", spec);
        let on = |node: &str, ip: Ipv4Addr| json!({"addresses": [ip], "nodeName": node});
        run.cluster.slice("web", json!([on("n1", a.ip), on("n2", b.ip)]), 8080);
        expect_tcp(Some(&node.outside), (NODE_IP, 30080), &format!("a {OUTSIDE_IP}"));
        expect_tcp(Some(&node.outside), (Ipv4Addr::new(198, 51, 100, 7), 80), &format!("a {OUTSIDE_IP}"));
        let answers: BTreeSet<String> = (0..40).map(|_| ask_tcp(None, (NODE_IP, 30080), LONG)).collect();
        assert_eq!(answers.len(), 2, "the node itself reaches all: {answers:?}");
        run.cluster.slice("web", json!([on("n2", b.ip)]), 8080);
        expect_tcp(Some(&node.outside), (NODE_IP, 30080), "TimedOut");
        expect_tcp(None, (NODE_IP, 30080), "b 10.42.0.1");
    });
}

#[test]
fn a_balancer_is_told_whether_the_node_has_endpoints() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let spec = json!({
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000,
            "ports": [{"name": "tcp", "port": 80}],
        });
        run.cluster.service("web", "10.96.1.1", spec.clone());
        let ask = || sh("curl -s -m 2 -w '%{http_code}' http://127.0.0.1:31000/healthz || true");
        let until = async |wanted: &str| {
            let start = Instant::now();
            while !ask().ends_with(wanted) {
                assert!(start.elapsed() < LONG, "{} instead of {wanted}", ask());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        until("503").await;
        run.cluster.endpoints("web", &[Ipv4Addr::new(10, 42, 0, 9)], 8080);
        until("200").await;
        assert!(ask().contains("\"localEndpoints\": 1"), "{}", ask());
        run.cluster.service("web", "10.96.1.1", json!({}));
        until("000").await;
    });
}

#[test]
fn affinity_keeps_a_client_with_its_endpoint() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (a, b) = (run.server("a", &[]).await, run.server("b", &[]).await);
        let ports = json!([{"name": "tcp", "port": 80, "nodePort": 30080}]);
        let spec = json!({"type": "NodePort", "ports": ports, "sessionAffinity": "ClientIP"});
        run.cluster.service("web", "10.96.1.1", spec);
        run.cluster.endpoints("web", &[a.ip, b.ip], 8080);
        let ready = Instant::now();
        while !ask_tcp(None, (VIP, 80), SHORT).ends_with("10.42.0.1") {
            assert!(ready.elapsed() < LONG);
        }
        for _ in 0..6 {
            let client = run.network.plug(&pod("client"), &[]).await.unwrap();
            let first = ask_tcp(Some(&client.netns), (VIP, 80), LONG);
            for _ in 0..20 {
                assert_eq!(ask_tcp(Some(&client.netns), (VIP, 80), LONG), first);
            }
            assert_eq!(ask_tcp(Some(&client.netns), (NODE_IP, 30080), LONG)[..1], first[..1]);
            run.network.unplug(&pod("client")).await.unwrap();
        }
        run.cluster.endpoints("web", &[b.ip], 8080);
        expect_tcp(None, (VIP, 80), "b 10.42.0.1");
        run.cluster.endpoints("web", &[a.ip, b.ip], 8080);
        run.cluster.endpoints("web", &[a.ip], 8080);
        expect_tcp(None, (VIP, 80), "a 10.42.0.1");
        run.cluster.service("web", "10.96.1.1", json!({}));
        run.cluster.endpoints("web", &[b.ip], 8080);
        expect_tcp(None, (VIP, 80), "b 10.42.0.1");
        assert!(!sh("nft list ruleset").contains("sticky"));
    });
}

#[test]
fn what_has_no_endpoint_is_refused() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let client = run.network.plug(&pod("client"), &[]).await.unwrap();
        let ports = json!([{"name": "tcp", "port": 80, "nodePort": 30080}]);
        run.cluster.service("web", "10.96.1.1", json!({"type": "NodePort", "ports": ports}));
        for from in [Some(&*client.netns), None, Some(&*node.outside)] {
            expect_tcp(from, (VIP, 80), "ConnectionRefused");
            expect_tcp(from, (NODE_IP, 30080), "ConnectionRefused");
        }
        expect_udp(Some(&client.netns), (Ipv4Addr::new(10, 96, 77, 77), 80), "ConnectionRefused");
        // The kernel sends a client few ICMP refusals in a row, and none where it sends redirects.
        for _ in 0..20 {
            assert_eq!(ask_tcp(Some(&client.netns), (VIP, 80), SHORT), "ConnectionRefused");
        }
    });
}

#[test]
fn host_ports_open_with_the_pod_and_close_with_it() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let port = |host_port, protocol| HostPort { host_ip: None, host_port, container_port: 8080, protocol };
        let only = HostPort { host_ip: Some(LOCALHOST), ..port(8443, Protocol::Tcp) };
        let client = run.network.plug(&pod("client"), &[]).await.unwrap();
        let a = run.server("a", &[port(8081, Protocol::Tcp), port(8081, Protocol::Udp), only]).await;
        expect_tcp(Some(&node.outside), (NODE_IP, 8081), &format!("a {OUTSIDE_IP}"));
        expect_udp(Some(&node.outside), (NODE_IP, 8081), &format!("a {OUTSIDE_IP}"));
        expect_tcp(Some(&client.netns), (NODE_IP, 8081), &format!("a {}", client.ip));
        expect_tcp(Some(&a.netns), (NODE_IP, 8081), "a 10.42.0.1");
        expect_tcp(None, (LOCALHOST, 8081), "a 10.42.0.1");
        expect_tcp(None, (LOCALHOST, 8443), "a 10.42.0.1");
        expect_tcp(Some(&node.outside), (NODE_IP, 8443), "ConnectionRefused");
        run.network.unplug(&pod("a")).await.unwrap();
        expect_tcp(Some(&node.outside), (NODE_IP, 8081), "ConnectionRefused");
    });
}

#[test]
fn pods_leave_under_the_nodes_address_and_cannot_reach_its_localhost() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let client = run.network.plug(&pod("client"), &[]).await.unwrap();
        serve(&node.outside, 80, "outside");
        expect_tcp(Some(&client.netns), (OUTSIDE_IP, 80), &format!("outside {NODE_IP}"));
        serve(Path::new("/proc/thread-self/ns/net"), 7777, "secret");
        within(&client.netns, || {
            sh("echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; ip addr del 127.0.0.1/8 dev lo
                ip route add 127.0.0.1/32 via 10.42.0.1 dev eth0 src $(ip -o -4 addr show eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/')");
        });
        assert_eq!(ask_tcp(Some(&client.netns), (LOCALHOST, 7777), SHORT), "TimedOut");
    });
}

#[test]
fn udp_clients_move_on_when_their_endpoint_goes() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let (a, b) = (run.server("a", &[]).await, run.server("b", &[]).await);
        run.cluster.service("dns", "10.96.1.1", json!({}));
        run.cluster.endpoints("dns", &[a.ip], 8080);
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(SHORT)).unwrap();
        socket.connect((VIP, 80)).unwrap();
        let ask = || {
            let mut buffer = [0; 64];
            let length = socket.send(b"x").and_then(|_| socket.recv(&mut buffer));
            length.map_or_else(
                |error| format!("{:?}", error.kind()),
                |n| String::from_utf8_lossy(&buffer[..n]).into_owned(),
            )
        };
        expect(ask, "a 10.42.0.1", (VIP, 80).into());
        run.cluster.endpoints("dns", &[b.ip], 8080);
        expect(ask, "b 10.42.0.1", (VIP, 80).into());
    });
}

#[test]
fn works_with_bridged_packets_filtered_too() {
    on_a_node(async |node| {
        sh("ip link add other type bridge; echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables");
        let run = start(&node).await;
        let (a, client) = (run.server("a", &[]).await, run.server("client", &[]).await);
        run.cluster.service("web", "10.96.1.1", json!({}));
        run.cluster.endpoints("web", &[a.ip], 8080);
        expect_tcp(Some(&client.netns), (VIP, 80), &format!("a {}", client.ip));
        expect_tcp(Some(&a.netns), (VIP, 80), "a 10.42.0.1");
        assert_eq!(sh("cat /proc/sys/net/bridge/bridge-nf-call-iptables"), "1\n", "others' bridges may need it");
    });
}

#[test]
fn a_firewall_in_the_way_is_told_and_purging_leaves_nothing() {
    on_a_node(async |node| {
        sh(
            "nft add table ip filter; nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'",
        );
        let before = sh("nft list ruleset");
        let run = start(&node).await;
        let verdict = || run.health.verdicts().into_iter().find(|(name, _)| *name == "service-proxy").unwrap().1;
        let start = Instant::now();
        while verdict() == Verdict::Starting && start.elapsed() < LONG {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let Verdict::Ill { cause, cure } = verdict() else { panic!("{:?}", verdict()) };
        assert!(cause.contains("FORWARD") && cure.contains("barque0"), "{cause}; {cure}");
        sh("nft add rule ip filter FORWARD iifname barque0 accept");
        run.network.look_for_obstacles().await;
        assert_eq!(verdict(), Verdict::Well, "mended");
        sh("nft flush chain ip filter FORWARD");
        run.network.look_for_obstacles().await;
        assert_ne!(verdict(), Verdict::Well, "back again");
        run.network.plug(&pod("a"), &[]).await.unwrap();
        run.network.purge().await.unwrap();
        assert_eq!(sh("nft list ruleset"), before);
        assert_clean();
    });
}

#[test]
fn a_table_changed_by_hand_is_mended_at_the_next_change() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let a = run.server("a", &[]).await;
        run.cluster.service("web", "10.96.1.1", json!({}));
        run.cluster.endpoints("web", &[a.ip], 8080);
        expect_tcp(None, (VIP, 80), "a 10.42.0.1");
        sh("nft delete table ip barque");
        run.cluster.service("other", "10.96.1.2", json!({}));
        expect_tcp(None, (VIP, 80), "a 10.42.0.1");
        expect_tcp(None, (Ipv4Addr::new(10, 96, 1, 2), 80), "ConnectionRefused");
    });
}

#[test]
fn a_thousand_services_load_and_change_quickly() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let a = run.server("a", &[]).await;
        let stand_ins = [a.ip, Ipv4Addr::new(10, 42, 0, 200), Ipv4Addr::new(10, 42, 0, 201)];
        let load = Instant::now();
        for number in 0..1000 {
            let name = format!("s{number}");
            run.cluster.service(&name, &format!("10.96.{}.{}", 16 + number / 250, 1 + number % 250), json!({}));
            run.cluster.endpoints(&name, &stand_ins, 8080);
        }
        run.cluster.service("last", "10.96.1.1", json!({}));
        run.cluster.endpoints("last", &[a.ip], 8080);
        expect_tcp(None, (VIP, 80), "a 10.42.0.1");
        println!("1,000 Services of 3 endpoints and 2 ports: {:?}", load.elapsed());
        let change = Instant::now();
        run.cluster.service("more", "10.96.1.2", json!({}));
        run.cluster.endpoints("more", &[a.ip], 8080);
        expect_tcp(None, (Ipv4Addr::new(10, 96, 1, 2), 80), "a 10.42.0.1");
        println!("one more Service: {:?}", change.elapsed());
        run.cluster.delete(&resources::SERVICES, "default/more");
        expect_tcp(None, (Ipv4Addr::new(10, 96, 1, 2), 80), "ConnectionRefused");
    });
}

#[test]
fn an_endpoint_may_be_the_node_itself() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let client = run.network.plug(&pod("client"), &[]).await.unwrap();
        serve(Path::new("/proc/thread-self/ns/net"), 6443, "api");
        let ports = json!([{"name": "tcp", "port": 443, "nodePort": 30443}]);
        run.cluster.service("kubernetes", "10.96.0.1", json!({"ports": ports}));
        run.cluster.slice("kubernetes", json!([{"addresses": [NODE_IP]}]), 6443);
        let vip = Ipv4Addr::new(10, 96, 0, 1);
        expect_tcp(Some(&client.netns), (vip, 443), &format!("api {}", client.ip));
        expect_tcp(None, (vip, 443), &format!("api {NODE_IP}"));
        expect_tcp(None, (LOCALHOST, 30443), &format!("api {NODE_IP}"));
        expect_tcp(Some(&node.outside), (NODE_IP, 30443), &format!("api {OUTSIDE_IP}"));
    });
}

#[test]
fn rules_and_pods_outlive_us() {
    on_a_node(async |node| {
        let first = start(&node).await;
        let port = HostPort { host_ip: None, host_port: 8081, container_port: 8080, protocol: Protocol::Tcp };
        let a = first.server("a", &[port]).await;
        first.cluster.service("web", "10.96.1.1", json!({}));
        first.cluster.endpoints("web", &[a.ip], 8080);
        expect_tcp(None, (VIP, 80), "a 10.42.0.1");
        let Running { cluster, network, health } = first;
        drop(network);
        assert_eq!(ask_tcp(None, (VIP, 80), LONG), "a 10.42.0.1");
        let network = Network::start(node.config.clone(), cluster.clone(), &health).await.unwrap();
        let run = Running { cluster, network, health };
        assert_eq!(run.network.reconcile(vec![pod("a")]).await.unwrap(), []);
        run.cluster.service("other", "10.96.1.2", json!({}));
        run.cluster.endpoints("other", &[a.ip], 8080);
        expect_tcp(None, (Ipv4Addr::new(10, 96, 1, 2), 80), "a 10.42.0.1");
        for to in [(VIP, 80), (LOCALHOST, 8081)] {
            assert_eq!(ask_tcp(None, to, LONG), "a 10.42.0.1");
        }
    });
}

#[test]
fn many_pods_come_and_go_at_once() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let each = |number: usize| {
            let network = run.network.clone();
            async move { network.plug(&pod(&number.to_string()), &[]).await.unwrap() }
        };
        let begin = Instant::now();
        let plugged = futures_util::future::join_all((0..50).map(each)).await;
        println!("50 plugs at once: {:?}", begin.elapsed());
        let addresses: BTreeSet<Ipv4Addr> = plugged.iter().map(|pod| pod.ip).collect();
        assert_eq!(addresses.len(), 50);
        serve(&plugged[7].netns, 8080, "seven");
        assert_eq!(ask_tcp(Some(&plugged[49].netns), (plugged[7].ip, 8080), LONG), format!("seven {}", plugged[49].ip));
        let begin = Instant::now();
        let gone = futures_util::future::join_all((0..50).map(|number| {
            let network = run.network.clone();
            async move { network.unplug(&pod(&number.to_string())).await }
        }));
        assert!(gone.await.into_iter().all(|result| result.is_ok()));
        println!("50 unplugs at once: {:?}", begin.elapsed());
        assert!(run.network.list().is_empty() && !sh("ip link").contains("veth0"));
    });
}
