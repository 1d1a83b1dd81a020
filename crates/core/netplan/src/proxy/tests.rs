//! Golden tests of the proxy: a world in short lines, the plan's elements and changes.
//!
//! `svc web 10.96.1.1 80 opt..` with options `node=30080 udp sticky=60 ext=IP lb=IP local internal-local headless`;
//! `eps web IP:PORT[/opt..]..` with options `here` (on this node), `unready`, `ending` (terminating, still serving).

use super::conntrack::Flow;
use super::plan::{NodeFacts, Plan, plan};
use super::rules::MAPS;
use crate::world::World;
use crate::{HostPort, Protocol};
use apimachinery::{Object, Value};
use expect_test::{Expect, expect};
use serde_json::json;
use std::fmt::Write;

pub fn node() -> NodeFacts {
    NodeFacts {
        ready_draws: 0,
        name: "n1".into(),
        pod_cidr: "10.42.0.0/24".parse().unwrap(),
        cluster_cidr: "10.42.0.0/16".parse().unwrap(),
        service_cidr: "10.96.0.0/16".parse().unwrap(),
        dns_ip: "10.96.0.10".parse().unwrap(),
        bridge: "barque0".into(),
        table: "barque".into(),
    }
}

fn world(text: &str) -> World {
    let mut world = World::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["svc", name, ip, port, ref options @ ..] => world.put_service(&service(name, ip, port, options)).unwrap(),
            ["eps", name, ref endpoints @ ..] => world.put_slice(&slice(name, endpoints)).unwrap(),
            _ => panic!("{line}"),
        }
    }
    world
}

fn service(name: &str, ip: &str, port: &str, options: &[&str]) -> Object {
    let value = |key: &str| options.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
    let has = |key: &str| options.contains(&key);
    let protocol = if has("udp") { "UDP" } else { "TCP" };
    let number = |key: &str| value(key).map(|text| text.parse::<u32>().unwrap());
    let object = json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "clusterIP": if has("headless") { "None" } else { ip },
            "ports": [{"port": port.parse::<u16>().unwrap(), "protocol": protocol, "nodePort": number("node")}],
            "sessionAffinity": value("sticky").map(|_| "ClientIP"),
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": number("sticky")}},
            "externalIPs": value("ext").map(|ip| [ip]),
            "externalTrafficPolicy": has("local").then_some("Local"),
            "internalTrafficPolicy": has("internal-local").then_some("Local"),
        },
        "status": {"loadBalancer": {"ingress": value("lb").map(|ip| [json!({"ip": ip})])}},
    });
    Object::from_value(&object).unwrap()
}

fn slice(name: &str, endpoints: &[&str]) -> Object {
    let port: u16 = endpoints.first().map_or(80, |text| text.split([':', '/']).nth(1).unwrap().parse().unwrap());
    let endpoints: Vec<Value> = endpoints.iter().map(|text| endpoint(text)).collect();
    // Ports of both protocols, so that one line serves either kind of Service.
    let ports = ["TCP", "UDP"].map(|protocol| json!({"name": "", "port": port, "protocol": protocol}));
    let labels = json!({"kubernetes.io/service-name": name});
    let metadata = json!({"name": format!("{name}-x"), "namespace": "default", "labels": labels});
    Object::from_value(&json!({"metadata": metadata, "ports": ports, "endpoints": endpoints})).unwrap()
}

fn endpoint(text: &str) -> Value {
    let mut parts = text.split('/');
    let address = parts.next().unwrap().split(':').next().unwrap();
    let options: Vec<&str> = parts.collect();
    let has = |option: &str| options.contains(&option);
    let ready = !has("unready") && !has("ending");
    json!({
        "addresses": [address],
        "conditions": {"ready": ready, "serving": ready || has("ending"), "terminating": has("ending")},
        "nodeName": if has("here") { "n1" } else { "n2" },
    })
}

fn planned(text: &str) -> Plan {
    plan(&world(text), &node(), &[])
}

fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    for (map, name, ..) in MAPS {
        for (key, value) in plan.elements.get(&map).into_iter().flatten() {
            _ = writeln!(text, "{}", format!("{name} {key} : {value}").trim_end_matches(" : "));
        }
    }
    for (name, sticky) in &plan.sticky {
        _ = writeln!(text, "{name} {}s {:?}", sticky.seconds, sticky.targets);
    }
    text
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&shown(&planned(text)));
}

#[track_caller]
fn check_changes(before: &str, after: &str, expected: Expect) {
    expected.assert_eq(&planned(after).changes(&planned(before)));
}

#[test]
fn a_cluster_ip_is_balanced_over_ready_endpoints() {
    check(
        "svc web 10.96.1.1 80
         eps web 10.42.0.5:8080/here 10.42.1.6:8080 10.42.0.7:8080/unready 10.42.0.8:8080/ending",
        expect![[r#"
            services 10.96.1.1 . tcp . 80 : goto service-2
            service-endpoints 10.96.1.1 . tcp . 80 . 0 : 10.42.0.5 . 8080
            service-endpoints 10.96.1.1 . tcp . 80 . 1 : 10.42.1.6 . 8080
            hairpin 10.42.0.5 . 10.42.0.5
        "#]],
    );
}

#[test]
fn ending_endpoints_serve_when_no_other_does() {
    check(
        "svc web 10.96.1.1 80\neps web 10.42.0.7:80/unready 10.42.1.8:80/ending",
        expect![[r#"
        services 10.96.1.1 . tcp . 80 : goto service-1
        service-endpoints 10.96.1.1 . tcp . 80 . 0 : 10.42.1.8 . 80
    "#]],
    );
}

#[test]
fn a_service_without_endpoints_refuses() {
    check(
        "svc web 10.96.1.1 80 node=30080 ext=192.0.2.9\neps web 10.42.0.7:80/unready",
        expect![[r#"
        refused 10.96.1.1 . tcp . 80 : goto refuse
        refused 192.0.2.9 . tcp . 80 : goto refuse
        refused-ports tcp . 30080 : goto refuse
    "#]],
    );
}

#[test]
fn outside_traffic_is_masqueraded_unless_it_stays_local() {
    check(
        "svc web 10.96.1.1 80 node=30080 lb=192.0.2.9\neps web 10.42.0.5:80/here 10.42.1.6:80",
        expect![[r#"
        services 10.96.1.1 . tcp . 80 : goto service-2
        services 192.0.2.9 . tcp . 80 : goto masquerade-service-2
        node-ports tcp . 30080 : goto masquerade-node-port-2
        service-endpoints 10.96.1.1 . tcp . 80 . 0 : 10.42.0.5 . 80
        service-endpoints 10.96.1.1 . tcp . 80 . 1 : 10.42.1.6 . 80
        service-endpoints 192.0.2.9 . tcp . 80 . 0 : 10.42.0.5 . 80
        service-endpoints 192.0.2.9 . tcp . 80 . 1 : 10.42.1.6 . 80
        node-port-endpoints tcp . 30080 . 0 : 10.42.0.5 . 80
        node-port-endpoints tcp . 30080 . 1 : 10.42.1.6 . 80
        hairpin 10.42.0.5 . 10.42.0.5
    "#]],
    );
    check(
        "svc web 10.96.1.1 80 node=30080 lb=192.0.2.9 local\neps web 10.42.0.5:80/here 10.42.1.6:80",
        expect![[r#"
        services 10.96.1.1 . tcp . 80 : goto service-2
        services 192.0.2.9 . tcp . 80 : goto service-2
        node-ports tcp . 30080 : goto node-port-2
        local-services 192.0.2.9 . tcp . 80 : goto local-service-1
        local-node-ports tcp . 30080 : goto local-node-port-1
        service-endpoints 10.96.1.1 . tcp . 80 . 0 : 10.42.0.5 . 80
        service-endpoints 10.96.1.1 . tcp . 80 . 1 : 10.42.1.6 . 80
        service-endpoints 192.0.2.9 . tcp . 80 . 0 : 10.42.0.5 . 80
        service-endpoints 192.0.2.9 . tcp . 80 . 1 : 10.42.1.6 . 80
        node-port-endpoints tcp . 30080 . 0 : 10.42.0.5 . 80
        node-port-endpoints tcp . 30080 . 1 : 10.42.1.6 . 80
        local-service-endpoints 192.0.2.9 . tcp . 80 . 0 : 10.42.0.5 . 80
        local-node-port-endpoints tcp . 30080 . 0 : 10.42.0.5 . 80
        hairpin 10.42.0.5 . 10.42.0.5
    "#]],
    );
}

#[test]
fn without_local_endpoints_outside_traffic_is_dropped() {
    check(
        "svc web 10.96.1.1 80 node=30080 local\neps web 10.42.1.6:80",
        expect![[r#"
        services 10.96.1.1 . tcp . 80 : goto service-1
        node-ports tcp . 30080 : goto node-port-1
        local-node-ports tcp . 30080 : drop
        service-endpoints 10.96.1.1 . tcp . 80 . 0 : 10.42.1.6 . 80
        node-port-endpoints tcp . 30080 . 0 : 10.42.1.6 . 80
    "#]],
    );
    check(
        "svc web 10.96.1.1 80 internal-local\neps web 10.42.1.6:80",
        expect![[r#"
        services 10.96.1.1 . tcp . 80 : drop
    "#]],
    );
}

#[test]
fn affinity_has_chains_of_its_own() {
    check(
        "svc web 10.96.1.1 80 node=30080 sticky=60\neps web 10.42.0.5:80/here 10.42.1.6:80",
        expect![[r#"
        services 10.96.1.1 . tcp . 80 : goto sticky/default/web/tcp/80
        node-ports tcp . 30080 : goto masquerade-sticky/default/web/tcp/80
        hairpin 10.42.0.5 . 10.42.0.5
        sticky/default/web/tcp/80 60s [(10.42.0.5, 80), (10.42.1.6, 80)]
    "#]],
    );
}

#[test]
fn headless_and_dns_are_not_proxied() {
    check(
        "svc db - 80 headless node=30080\neps db 10.42.1.6:80\nsvc dns 10.96.0.10 53 udp\neps dns 10.42.1.7:53",
        expect![],
    );
}

#[test]
fn host_ports_yield_to_services() {
    let port = |host_port, host_ip: Option<&str>| HostPort {
        host_ip: host_ip.map(|text| text.parse().unwrap()),
        host_port,
        container_port: 80,
        protocol: Protocol::Tcp,
    };
    let world = world("svc web 10.96.1.1 80 node=30080\neps web 10.42.1.6:80");
    let pod = "10.42.0.9".parse().unwrap();
    let ports = [(pod, port(8080, None)), (pod, port(30080, None)), (pod, port(81, Some("192.0.2.1")))];
    expect![[r#"
        services 10.96.1.1 . tcp . 80 : goto service-1
        services 192.0.2.1 . tcp . 81 : goto service-1
        node-ports tcp . 30080 : goto masquerade-node-port-1
        node-ports tcp . 8080 : goto node-port-1
        service-endpoints 10.96.1.1 . tcp . 80 . 0 : 10.42.1.6 . 80
        service-endpoints 192.0.2.1 . tcp . 81 . 0 : 10.42.0.9 . 80
        node-port-endpoints tcp . 30080 . 0 : 10.42.1.6 . 80
        node-port-endpoints tcp . 8080 . 0 : 10.42.0.9 . 80
        hairpin 10.42.0.9 . 10.42.0.9
    "#]]
    .assert_eq(&shown(&plan(&world, &node(), &ports)));
}

#[test]
fn a_change_is_a_few_elements() {
    let before = "svc web 10.96.1.1 80 node=30080\neps web 10.42.0.5:80/here 10.42.1.6:80";
    check_changes(before, before, expect![""]);
    check_changes(
        before,
        "svc web 10.96.1.1 80 node=30080\neps web 10.42.0.5:80/here 10.42.1.7:80",
        expect![[r#"
        delete element ip barque service-endpoints { 10.96.1.1 . tcp . 80 . 1 }
        delete element ip barque node-port-endpoints { tcp . 30080 . 1 }
        add element ip barque service-endpoints { 10.96.1.1 . tcp . 80 . 1 : 10.42.1.7 . 80 }
        add element ip barque node-port-endpoints { tcp . 30080 . 1 : 10.42.1.7 . 80 }
    "#]],
    );
    check_changes(
        before,
        "svc web 10.96.1.1 80\neps web 10.42.0.5:80/here 10.42.1.6:80 10.42.1.7:80",
        expect![[r#"
            table ip barque
            delete table ip barque
            table ip barque {
            	map services { # cluster, external and balancer IPs
            		type ipv4_addr . inet_proto . inet_service : verdict
            	}
            	map node-ports { # ports of every local address
            		type inet_proto . inet_service : verdict
            	}
            	map local-services { # from outside, to endpoints of this node only
            		type ipv4_addr . inet_proto . inet_service : verdict
            	}
            	map local-node-ports { # from outside, to endpoints of this node only
            		type inet_proto . inet_service : verdict
            	}
            	map service-endpoints { # which endpoint has which number
            		typeof ip daddr . ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map node-port-endpoints { # which endpoint has which number
            		typeof ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map local-service-endpoints { # which endpoint has which number
            		typeof ip daddr . ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map local-node-port-endpoints { # which endpoint has which number
            		typeof ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map refused { # Services without endpoints
            		type ipv4_addr . inet_proto . inet_service : verdict
            	}
            	map refused-ports { # node ports of Services without endpoints
            		type inet_proto . inet_service : verdict
            	}
            	set hairpin { # pods led to themselves
            		type ipv4_addr . ipv4_addr
            	}
            	chain masquerade-mark {
            		meta mark set meta mark or 0x4000
            	}
            	chain refuse {
            		meta l4proto tcp reject with tcp reset
            		reject
            	}
            	chain services-lookup {
            		ip saddr != 10.42.0.0/16 ip daddr 10.96.0.0/16 jump masquerade-mark
            		ip daddr . meta l4proto . th dport vmap @services
            		fib daddr type local meta l4proto . th dport vmap @node-ports
            	}
            	chain outside-lookup {
            		ip daddr . meta l4proto . th dport vmap @local-services
            		fib daddr type local meta l4proto . th dport vmap @local-node-ports
            	}
            	chain prerouting {
            		type nat hook prerouting priority -100; policy accept;
            		meta l4proto { tcp, udp, sctp } ip saddr != 10.42.0.0/16 jump outside-lookup
            		meta l4proto { tcp, udp, sctp } jump services-lookup
            	}
            	chain output {
            		type nat hook output priority -100; policy accept;
            		meta l4proto { tcp, udp, sctp } jump services-lookup
            	}
            	chain postrouting {
            		type nat hook postrouting priority 100; policy accept;
            		ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
            		ct status dnat meta mark & 0x4000 == 0x4000 meta mark set meta mark xor 0x4000 masquerade fully-random
            		ct status dnat ip saddr != 10.42.0.0/16 oifname != "lo" fib saddr type local masquerade fully-random
            		ip saddr 10.42.0.0/24 ip daddr != 10.42.0.0/16 oifname != "barque0" masquerade fully-random
            	}
            	chain not-from-pods {
            		type filter hook prerouting priority -300; policy accept;
            		iifname "barque0" ip daddr 127.0.0.0/8 drop
            	}
            	chain refused-lookup {
            		ct state established,related accept
            		ct status dnat accept
            		meta l4proto { tcp, udp, sctp } ip daddr . meta l4proto . th dport vmap @refused
            		ip daddr 10.96.0.0/16 ip daddr != 10.96.0.10 goto refuse
            	}
            	chain input {
            		type filter hook input priority 0; policy accept;
            		jump refused-lookup
            		meta l4proto { tcp, udp, sctp } meta l4proto . th dport vmap @refused-ports
            	}
            	chain forward {
            		type filter hook forward priority 0; policy accept;
            		jump refused-lookup
            	}
            	chain filter-output {
            		type filter hook output priority 0; policy accept;
            		jump refused-lookup
            	}
            	chain service-3 {
            		meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . ip protocol . th dport . numgen random mod 3 map @service-endpoints
            	}
            }
            add element ip barque services { 10.96.1.1 . tcp . 80 : goto service-3 }
            add element ip barque service-endpoints { 10.96.1.1 . tcp . 80 . 0 : 10.42.0.5 . 80, 10.96.1.1 . tcp . 80 . 1 : 10.42.1.6 . 80, 10.96.1.1 . tcp . 80 . 2 : 10.42.1.7 . 80 }
            add element ip barque hairpin { 10.42.0.5 . 10.42.0.5 }
        "#]],
    );
    check_changes(
        before,
        "",
        expect![[r#"
        delete element ip barque services { 10.96.1.1 . tcp . 80 }
        delete element ip barque node-ports { tcp . 30080 }
        delete element ip barque service-endpoints { 10.96.1.1 . tcp . 80 . 0, 10.96.1.1 . tcp . 80 . 1 }
        delete element ip barque node-port-endpoints { tcp . 30080 . 0, tcp . 30080 . 1 }
        delete element ip barque hairpin { 10.42.0.5 . 10.42.0.5 }
        delete chain ip barque masquerade-node-port-2
        delete chain ip barque service-2
        delete chain ip barque node-port-2
    "#]],
    );
}

#[test]
fn affinity_keeps_the_clients_of_endpoints_that_stay() {
    let before = "svc web 10.96.1.1 80 sticky=60\neps web 10.42.0.5:80 10.42.1.6:80";
    check_changes(
        before,
        "svc web 10.96.1.1 80 sticky=60\neps web 10.42.1.6:80 10.42.1.7:80",
        expect![[r#"
        flush chain ip barque sticky/default/web/tcp/80
        table ip barque {
        	set sticky/default/web/tcp/80/10.42.1.7/80/60 {
        		type ipv4_addr; flags dynamic,timeout; timeout 60s
        	}
        	chain sticky/default/web/tcp/80/10.42.1.7/80/60 {
        		update @sticky/default/web/tcp/80/10.42.1.7/80/60 { ip saddr }
        		meta l4proto tcp dnat ip to 10.42.1.7:80
        	}
        	chain sticky/default/web/tcp/80 {
        		ip saddr @sticky/default/web/tcp/80/10.42.1.6/80/60 goto sticky/default/web/tcp/80/10.42.1.6/80/60
        		ip saddr @sticky/default/web/tcp/80/10.42.1.7/80/60 goto sticky/default/web/tcp/80/10.42.1.7/80/60
        		numgen random mod 2 vmap { 0 : goto sticky/default/web/tcp/80/10.42.1.6/80/60, 1 : goto sticky/default/web/tcp/80/10.42.1.7/80/60 }
        	}
        }
        delete chain ip barque sticky/default/web/tcp/80/10.42.0.5/80/60
        delete set ip barque sticky/default/web/tcp/80/10.42.0.5/80/60
    "#]],
    );
    check_changes(
        before,
        "svc web 10.96.1.1 80\neps web 10.42.0.5:80 10.42.1.6:80",
        expect![[r#"
            table ip barque
            delete table ip barque
            table ip barque {
            	map services { # cluster, external and balancer IPs
            		type ipv4_addr . inet_proto . inet_service : verdict
            	}
            	map node-ports { # ports of every local address
            		type inet_proto . inet_service : verdict
            	}
            	map local-services { # from outside, to endpoints of this node only
            		type ipv4_addr . inet_proto . inet_service : verdict
            	}
            	map local-node-ports { # from outside, to endpoints of this node only
            		type inet_proto . inet_service : verdict
            	}
            	map service-endpoints { # which endpoint has which number
            		typeof ip daddr . ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map node-port-endpoints { # which endpoint has which number
            		typeof ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map local-service-endpoints { # which endpoint has which number
            		typeof ip daddr . ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map local-node-port-endpoints { # which endpoint has which number
            		typeof ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
            	}
            	map refused { # Services without endpoints
            		type ipv4_addr . inet_proto . inet_service : verdict
            	}
            	map refused-ports { # node ports of Services without endpoints
            		type inet_proto . inet_service : verdict
            	}
            	set hairpin { # pods led to themselves
            		type ipv4_addr . ipv4_addr
            	}
            	chain masquerade-mark {
            		meta mark set meta mark or 0x4000
            	}
            	chain refuse {
            		meta l4proto tcp reject with tcp reset
            		reject
            	}
            	chain services-lookup {
            		ip saddr != 10.42.0.0/16 ip daddr 10.96.0.0/16 jump masquerade-mark
            		ip daddr . meta l4proto . th dport vmap @services
            		fib daddr type local meta l4proto . th dport vmap @node-ports
            	}
            	chain outside-lookup {
            		ip daddr . meta l4proto . th dport vmap @local-services
            		fib daddr type local meta l4proto . th dport vmap @local-node-ports
            	}
            	chain prerouting {
            		type nat hook prerouting priority -100; policy accept;
            		meta l4proto { tcp, udp, sctp } ip saddr != 10.42.0.0/16 jump outside-lookup
            		meta l4proto { tcp, udp, sctp } jump services-lookup
            	}
            	chain output {
            		type nat hook output priority -100; policy accept;
            		meta l4proto { tcp, udp, sctp } jump services-lookup
            	}
            	chain postrouting {
            		type nat hook postrouting priority 100; policy accept;
            		ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
            		ct status dnat meta mark & 0x4000 == 0x4000 meta mark set meta mark xor 0x4000 masquerade fully-random
            		ct status dnat ip saddr != 10.42.0.0/16 oifname != "lo" fib saddr type local masquerade fully-random
            		ip saddr 10.42.0.0/24 ip daddr != 10.42.0.0/16 oifname != "barque0" masquerade fully-random
            	}
            	chain not-from-pods {
            		type filter hook prerouting priority -300; policy accept;
            		iifname "barque0" ip daddr 127.0.0.0/8 drop
            	}
            	chain refused-lookup {
            		ct state established,related accept
            		ct status dnat accept
            		meta l4proto { tcp, udp, sctp } ip daddr . meta l4proto . th dport vmap @refused
            		ip daddr 10.96.0.0/16 ip daddr != 10.96.0.10 goto refuse
            	}
            	chain input {
            		type filter hook input priority 0; policy accept;
            		jump refused-lookup
            		meta l4proto { tcp, udp, sctp } meta l4proto . th dport vmap @refused-ports
            	}
            	chain forward {
            		type filter hook forward priority 0; policy accept;
            		jump refused-lookup
            	}
            	chain filter-output {
            		type filter hook output priority 0; policy accept;
            		jump refused-lookup
            	}
            	chain service-2 {
            		meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . ip protocol . th dport . numgen random mod 2 map @service-endpoints
            	}
            }
            add element ip barque services { 10.96.1.1 . tcp . 80 : goto service-2 }
            add element ip barque service-endpoints { 10.96.1.1 . tcp . 80 . 0 : 10.42.0.5 . 80, 10.96.1.1 . tcp . 80 . 1 : 10.42.1.6 . 80 }
        "#]],
    );
}

#[test]
fn the_whole_table() {
    let text = planned("svc web 10.96.1.1 80 node=30080\neps web 10.42.0.5:80/here").full();
    expect![[r#"
        table ip barque
        delete table ip barque
        table ip barque {
        	map services { # cluster, external and balancer IPs
        		type ipv4_addr . inet_proto . inet_service : verdict
        	}
        	map node-ports { # ports of every local address
        		type inet_proto . inet_service : verdict
        	}
        	map local-services { # from outside, to endpoints of this node only
        		type ipv4_addr . inet_proto . inet_service : verdict
        	}
        	map local-node-ports { # from outside, to endpoints of this node only
        		type inet_proto . inet_service : verdict
        	}
        	map service-endpoints { # which endpoint has which number
        		typeof ip daddr . ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
        	}
        	map node-port-endpoints { # which endpoint has which number
        		typeof ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
        	}
        	map local-service-endpoints { # which endpoint has which number
        		typeof ip daddr . ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
        	}
        	map local-node-port-endpoints { # which endpoint has which number
        		typeof ip protocol . th dport . numgen random mod 65536 : ip daddr . th dport
        	}
        	map refused { # Services without endpoints
        		type ipv4_addr . inet_proto . inet_service : verdict
        	}
        	map refused-ports { # node ports of Services without endpoints
        		type inet_proto . inet_service : verdict
        	}
        	set hairpin { # pods led to themselves
        		type ipv4_addr . ipv4_addr
        	}
        	chain masquerade-mark {
        		meta mark set meta mark or 0x4000
        	}
        	chain refuse {
        		meta l4proto tcp reject with tcp reset
        		reject
        	}
        	chain services-lookup {
        		ip saddr != 10.42.0.0/16 ip daddr 10.96.0.0/16 jump masquerade-mark
        		ip daddr . meta l4proto . th dport vmap @services
        		fib daddr type local meta l4proto . th dport vmap @node-ports
        	}
        	chain outside-lookup {
        		ip daddr . meta l4proto . th dport vmap @local-services
        		fib daddr type local meta l4proto . th dport vmap @local-node-ports
        	}
        	chain prerouting {
        		type nat hook prerouting priority -100; policy accept;
        		meta l4proto { tcp, udp, sctp } ip saddr != 10.42.0.0/16 jump outside-lookup
        		meta l4proto { tcp, udp, sctp } jump services-lookup
        	}
        	chain output {
        		type nat hook output priority -100; policy accept;
        		meta l4proto { tcp, udp, sctp } jump services-lookup
        	}
        	chain postrouting {
        		type nat hook postrouting priority 100; policy accept;
        		ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
        		ct status dnat meta mark & 0x4000 == 0x4000 meta mark set meta mark xor 0x4000 masquerade fully-random
        		ct status dnat ip saddr != 10.42.0.0/16 oifname != "lo" fib saddr type local masquerade fully-random
        		ip saddr 10.42.0.0/24 ip daddr != 10.42.0.0/16 oifname != "barque0" masquerade fully-random
        	}
        	chain not-from-pods {
        		type filter hook prerouting priority -300; policy accept;
        		iifname "barque0" ip daddr 127.0.0.0/8 drop
        	}
        	chain refused-lookup {
        		ct state established,related accept
        		ct status dnat accept
        		meta l4proto { tcp, udp, sctp } ip daddr . meta l4proto . th dport vmap @refused
        		ip daddr 10.96.0.0/16 ip daddr != 10.96.0.10 goto refuse
        	}
        	chain input {
        		type filter hook input priority 0; policy accept;
        		jump refused-lookup
        		meta l4proto { tcp, udp, sctp } meta l4proto . th dport vmap @refused-ports
        	}
        	chain forward {
        		type filter hook forward priority 0; policy accept;
        		jump refused-lookup
        	}
        	chain filter-output {
        		type filter hook output priority 0; policy accept;
        		jump refused-lookup
        	}
        	chain service-1 {
        		meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . ip protocol . th dport . numgen random mod 1 map @service-endpoints
        	}
        	chain node-port-1 {
        		meta l4proto { tcp, udp, sctp } dnat ip to ip protocol . th dport . numgen random mod 1 map @node-port-endpoints
        	}
        	chain masquerade-node-port-1 {
        		jump masquerade-mark
        		goto node-port-1
        	}
        }
        add element ip barque services { 10.96.1.1 . tcp . 80 : goto service-1 }
        add element ip barque node-ports { tcp . 30080 : goto masquerade-node-port-1 }
        add element ip barque service-endpoints { 10.96.1.1 . tcp . 80 . 0 : 10.42.0.5 . 80 }
        add element ip barque node-port-endpoints { tcp . 30080 . 0 : 10.42.0.5 . 80 }
        add element ip barque hairpin { 10.42.0.5 . 10.42.0.5 }
    "#]].assert_eq(&text);
}

#[test]
fn udp_connections_to_lost_endpoints_are_stale() {
    let flow = |destination: (&str, u16), server: (&str, u16)| Flow {
        protocol: Protocol::Udp,
        destination: (destination.0.parse().unwrap(), destination.1),
        server: (server.0.parse().unwrap(), server.1),
    };
    let before = planned("svc dns 10.96.1.1 53 udp node=30053\neps dns 10.42.0.5:53 10.42.1.6:53");
    let after = planned("svc dns 10.96.1.1 53 udp node=30053\neps dns 10.42.1.6:53");
    let (lost, kept) = (("10.42.0.5", 53), ("10.42.1.6", 53));
    for vip in [("10.96.1.1", 53), ("192.0.2.1", 30053)] {
        assert!(after.is_stale(Some(&before), &flow(vip, lost)), "{vip:?}");
        assert!(!after.is_stale(Some(&before), &flow(vip, kept)), "{vip:?}");
    }
    assert!(after.is_stale(None, &flow(("10.96.1.1", 53), lost)));
    assert!(!after.is_stale(None, &flow(("8.8.8.8", 30053), lost)));
    let mut tcp = flow(("10.96.1.1", 53), lost);
    tcp.protocol = Protocol::Tcp;
    assert!(!after.is_stale(Some(&before), &tcp));
    let untranslated = flow(("10.96.1.1", 53), ("10.96.1.1", 53));
    assert!(after.is_stale(Some(&planned("")), &untranslated) && !after.is_stale(Some(&before), &untranslated));
    assert!(planned("").may_leave_stale(Some(&before)) && !after.may_leave_stale(Some(&after)));
    assert!(planned("").is_stale(Some(&before), &flow(("10.96.1.1", 53), lost)));
}
