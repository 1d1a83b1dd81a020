//! Golden tests of DNS: questions as `dig` takes them, answers as it shows them.

use super::*;
use crate::resolv;
use crate::world::World;
use apimachinery::{Object, Value};
use expect_test::{Expect, expect};
use hickory_proto::op::{Edns, Message, Query as Question};
use hickory_proto::rr::{Name, RecordType};
use proptest::prelude::*;
use serde_json::json;

fn object(value: Value) -> Object {
    Object::from_value(&value).unwrap()
}

fn world() -> World {
    let mut world = World::default();
    let mut service = |namespace: &str, name: &str, spec: Value| {
        let metadata = json!({"name": name, "namespace": namespace});
        world.put_service(&object(json!({"metadata": metadata, "spec": spec}))).unwrap();
    };
    let https = json!([{"name": "https", "port": 443}]);
    service("default", "kubernetes", json!({"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ports": https}));
    let web = json!([{"name": "http", "port": 80}, {"name": "quic", "port": 443, "protocol": "UDP"}]);
    service("shop", "web", json!({"clusterIPs": ["10.96.1.1", "fd00::1"], "ports": web}));
    service("shop", "db", json!({"clusterIP": "None", "ports": [{"name": "sql", "port": 3306}]}));
    service("shop", "empty", json!({"clusterIP": "None"}));
    service("shop", "away", json!({"type": "ExternalName", "externalName": "www.Example.com"}));
    service("shop", "near", json!({"type": "ExternalName", "externalName": "web.shop.svc.cluster.local"}));
    let ready = |ip: &str, host: Option<&str>, ready: bool| json!({"addresses": [ip], "hostname": host, "conditions": {"ready": ready}});
    let slice = json!({
        "metadata": {"name": "db-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "db"}},
        "ports": [{"name": "sql", "port": 3306, "protocol": "TCP"}],
        "endpoints": [ready("10.42.0.5", Some("db-0"), true), ready("10.42.0.6", None, true), ready("10.42.0.7", None, false)],
    });
    world.put_slice(&object(slice)).unwrap();
    world
}

fn zone() -> Zone {
    let ranges = ["10.96.0.0/16", "10.42.0.0/16"].map(|text| text.parse().unwrap());
    Zone::new("cluster.local", "10.96.0.10".parse().unwrap(), ranges.into()).unwrap()
}

fn question(name: &str, kind: &str) -> Query {
    let mut message = Message::query();
    message.metadata.id = 0;
    message.add_query(Question::query(Name::from_ascii(name).unwrap(), kind.parse().unwrap()));
    match receive(&message.to_vec().unwrap()) {
        Received::Query(query) => query,
        other => panic!("{other:?}"),
    }
}

fn shown(name: &str, kind: &str) -> String {
    match answer(&question(name, kind), &world(), &zone()) {
        Outcome::Forward => "forward\n".to_owned(),
        Outcome::Reply(reply) => text(&reply),
        Outcome::Chase { reply, target } => format!("{}chase {target}\n", text(&reply)),
    }
}

fn text(reply: &Message) -> String {
    let mut text = format!("{:?}\n", reply.metadata.response_code);
    let sections = [("", &reply.answers), ("authority ", &reply.authorities), ("additional ", &reply.additionals)];
    for (section, records) in sections {
        for record in records {
            text += &format!("{section}{record}\n");
        }
    }
    text
}

#[track_caller]
fn check(name: &str, kind: &str, expected: Expect) {
    expected.assert_eq(&shown(name, kind));
}

#[test]
fn services_have_addresses() {
    check(
        "kubernetes.default.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        kubernetes.default.svc.cluster.local. 5 IN A 10.96.0.1
    "#]],
    );
    check(
        "WEB.shop.SVC.Cluster.Local.",
        "A",
        expect![[r#"
        NoError
        WEB.shop.SVC.Cluster.Local. 5 IN A 10.96.1.1
    "#]],
    );
    check(
        "web.shop.svc.cluster.local.",
        "AAAA",
        expect![[r#"
        NoError
        web.shop.svc.cluster.local. 5 IN AAAA fd00::1
    "#]],
    );
    check(
        "kubernetes.default.svc.cluster.local.",
        "AAAA",
        expect![[r#"
        NoError
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
}

#[test]
fn services_have_ports() {
    check(
        "_http._tcp.web.shop.svc.cluster.local.",
        "SRV",
        expect![[r#"
        NoError
        _http._tcp.web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.
        additional web.shop.svc.cluster.local. 5 IN A 10.96.1.1
        additional web.shop.svc.cluster.local. 5 IN AAAA fd00::1
    "#]],
    );
    check(
        "web.shop.svc.cluster.local.",
        "SRV",
        expect![[r#"
        NoError
        web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.
        web.shop.svc.cluster.local. 5 IN SRV 0 100 443 web.shop.svc.cluster.local.
        additional web.shop.svc.cluster.local. 5 IN A 10.96.1.1
        additional web.shop.svc.cluster.local. 5 IN AAAA fd00::1
    "#]],
    );
    check(
        "_http._udp.web.shop.svc.cluster.local.",
        "SRV",
        expect![[r#"
        NXDomain
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
    check(
        "_http._tcp.web.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
}

#[test]
fn headless_services_are_their_ready_endpoints() {
    check(
        "db.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        db.shop.svc.cluster.local. 5 IN A 10.42.0.5
        db.shop.svc.cluster.local. 5 IN A 10.42.0.6
    "#]],
    );
    check(
        "db-0.db.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        db-0.db.shop.svc.cluster.local. 5 IN A 10.42.0.5
    "#]],
    );
    check(
        "10-42-0-6.db.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        10-42-0-6.db.shop.svc.cluster.local. 5 IN A 10.42.0.6
    "#]],
    );
    check(
        "10-42-0-7.db.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NXDomain
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
    check(
        "_sql._tcp.db.shop.svc.cluster.local.",
        "SRV",
        expect![[r#"
        NoError
        _sql._tcp.db.shop.svc.cluster.local. 5 IN SRV 0 100 3306 db-0.db.shop.svc.cluster.local.
        _sql._tcp.db.shop.svc.cluster.local. 5 IN SRV 0 100 3306 10-42-0-6.db.shop.svc.cluster.local.
        additional db-0.db.shop.svc.cluster.local. 5 IN A 10.42.0.5
        additional 10-42-0-6.db.shop.svc.cluster.local. 5 IN A 10.42.0.6
    "#]],
    );
    check(
        "empty.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
}

#[test]
fn external_names_are_aliases() {
    check(
        "away.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        away.shop.svc.cluster.local. 5 IN CNAME www.Example.com.
        chase www.Example.com.
    "#]],
    );
    check(
        "away.shop.svc.cluster.local.",
        "CNAME",
        expect![[r#"
        NoError
        away.shop.svc.cluster.local. 5 IN CNAME www.Example.com.
    "#]],
    );
    check(
        "near.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        near.shop.svc.cluster.local. 5 IN CNAME web.shop.svc.cluster.local.
        chase web.shop.svc.cluster.local.
    "#]],
    );
}

#[test]
fn what_is_not_there_is_told_at_once() {
    check(
        "example.com.default.svc.cluster.local.",
        "A",
        expect![[r#"
        NXDomain
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
    check(
        "nothing.shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NXDomain
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
    check(
        "shop.svc.cluster.local.",
        "A",
        expect![[r#"
        NoError
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
    check(
        "nobody.svc.cluster.local.",
        "A",
        expect![[r#"
        NXDomain
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
    check(
        "example.com.cluster.local.",
        "A",
        expect![[r#"
        NXDomain
        authority cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
}

#[test]
fn addresses_have_names() {
    check(
        "1.1.96.10.in-addr.arpa.",
        "PTR",
        expect![[r#"
        NoError
        1.1.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local.
    "#]],
    );
    check(
        "5.0.42.10.in-addr.arpa.",
        "PTR",
        expect![[r#"
        NoError
        5.0.42.10.in-addr.arpa. 5 IN PTR db-0.db.shop.svc.cluster.local.
    "#]],
    );
    check(
        "7.0.42.10.in-addr.arpa.",
        "PTR",
        expect![[r#"
        NXDomain
    "#]],
    );
    check(
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.",
        "PTR",
        expect![[r#"
        NoError
        1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 5 IN PTR web.shop.svc.cluster.local.
    "#]],
    );
    check(
        "8.8.8.8.in-addr.arpa.",
        "PTR",
        expect![[r#"
        forward
    "#]],
    );
}

#[test]
fn pods_and_the_zone_itself() {
    check(
        "10-42-0-9.shop.pod.cluster.local.",
        "A",
        expect![[r#"
        NoError
        10-42-0-9.shop.pod.cluster.local. 5 IN A 10.42.0.9
    "#]],
    );
    check(
        "fd00--9.shop.pod.cluster.local.",
        "AAAA",
        expect![[r#"
        NoError
        fd00--9.shop.pod.cluster.local. 5 IN AAAA fd00::9
    "#]],
    );
    check(
        "cluster.local.",
        "SOA",
        expect![[r#"
        NoError
        cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5
    "#]],
    );
    check(
        "cluster.local.",
        "NS",
        expect![[r#"
        NoError
        cluster.local. 5 IN NS ns.dns.cluster.local.
    "#]],
    );
    check(
        "ns.dns.cluster.local.",
        "A",
        expect![[r#"
        NoError
        ns.dns.cluster.local. 5 IN A 10.96.0.10
    "#]],
    );
    check(
        "dns-version.cluster.local.",
        "TXT",
        expect![[r#"
        NoError
        dns-version.cluster.local. 5 IN TXT 1.1.0
    "#]],
    );
}

#[test]
fn everything_else_is_asked_elsewhere() {
    check(
        "example.com.",
        "A",
        expect![[r#"
        forward
    "#]],
    );
    check(
        "local.",
        "A",
        expect![[r#"
        forward
    "#]],
    );
    check(
        "notcluster.local.",
        "A",
        expect![[r#"
        forward
    "#]],
    );
}

#[test]
fn the_question_goes_back_as_it_came() {
    let query = question("WeB.shop.svc.cluster.local.", "A");
    let Outcome::Reply(reply) = answer(&query, &world(), &zone()) else { panic!("forwarded") };
    let packet = encode(&reply, 512).unwrap();
    assert!(packet.windows(4).any(|bytes| bytes == b"\x03WeB"));
    assert!(reply.metadata.recursion_available && reply.metadata.authoritative);
}

#[test]
fn what_does_not_fit_is_truncated() {
    let mut world = world();
    let endpoints: Vec<Value> = (0..200).map(|n| json!({"addresses": [format!("10.42.1.{n}")]})).collect();
    let metadata = json!({"name": "x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "empty"}});
    world.put_slice(&object(json!({"metadata": metadata, "endpoints": endpoints}))).unwrap();
    let mut query = question("empty.shop.svc.cluster.local.", "A");
    let Outcome::Reply(reply) = answer(&query, &world, &zone()) else { panic!("forwarded") };
    let packet = encode(&reply, query.udp_limit()).unwrap();
    let short = Message::from_vec(&packet).unwrap();
    assert!(short.metadata.truncation && packet.len() <= 512, "{}", packet.len());
    assert_eq!(short.answers.len(), 29, "as many as fit");
    assert!(Message::from_vec(&encode(&reply, 40).unwrap()).unwrap().answers.is_empty());
    assert_eq!(Message::from_vec(&encode(&reply, 65535).unwrap()).unwrap().answers.len(), 200);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    query.message.set_edns(edns);
    assert_eq!(query.udp_limit(), 1232);
}

#[test]
fn odd_packets_are_refused_politely() {
    let mut message = question("example.com.", "A").message;
    let refused = |message: &Message| match receive(&message.to_vec().unwrap()) {
        Received::Error(reply) => format!("{:?}", reply.metadata.response_code),
        other => format!("{other:?}"),
    };
    let again = message.queries[0].clone();
    message.add_query(again);
    assert_eq!(refused(&message), "FormErr");
    message.queries.clear();
    assert_eq!(refused(&message), "FormErr");
    message.add_query(Question::query(Name::root(), RecordType::AXFR));
    assert_eq!(refused(&message), "Refused");
    let mut future = question("example.com.", "A").message;
    let mut edns = Edns::new();
    edns.set_version(1);
    future.set_edns(edns);
    assert_eq!(refused(&future), "BADVERS");
    assert!(matches!(receive(b"short"), Received::Drop));
    assert!(
        matches!(receive(&[0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xff]), Received::Error(reply) if reply.metadata.id == 7)
    );
    let reply = question("example.com.", "A").reply(Default::default());
    assert!(matches!(receive(&reply.to_vec().unwrap()), Received::Drop));
}

#[test]
fn name_servers_never_lead_back_to_us() {
    let servers = |node: &str, stub: Option<&str>| {
        let stub = stub.map(resolv::parse);
        let found = name_servers(&resolv::parse(node), stub.as_ref(), &["10.96.0.10".parse().unwrap()]);
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let real = "nameserver 192.0.2.1\nnameserver 192.0.2.2";
    assert_eq!(servers("nameserver 127.0.0.53", Some(real)), "192.0.2.1 192.0.2.2");
    assert_eq!(servers("nameserver 127.0.0.53", None), "127.0.0.53");
    assert_eq!(servers("nameserver 10.96.0.10\nnameserver 192.0.2.9", Some(real)), "192.0.2.9");
    assert_eq!(servers("nameserver 10.96.0.10", Some(real)), "192.0.2.1 192.0.2.2");
    assert_eq!(servers("nameserver 10.96.0.10", Some("nameserver 10.96.0.10")), "");
}

#[test]
fn answers_of_others_are_kept_for_their_time() {
    let seconds = |reply: &Message| cacheable_seconds(reply);
    let query = question("web.shop.svc.cluster.local.", "A");
    let Outcome::Reply(mut reply) = answer(&query, &world(), &zone()) else { panic!("forwarded") };
    assert_eq!(seconds(&reply), Some(5));
    reply.answers[0].ttl = 3600;
    assert_eq!(seconds(&reply), Some(30));
    reply.metadata.truncation = true;
    assert_eq!(seconds(&reply), None);
    let Outcome::Reply(missing) = answer(&question("x.shop.svc.cluster.local.", "A"), &world(), &zone()) else {
        panic!()
    };
    assert_eq!(seconds(&missing), Some(5));
    assert_eq!(seconds(&query.reply(hickory_proto::op::ResponseCode::ServFail)), None);
}

proptest! {
    #[test]
    fn no_packet_breaks_us(packet in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Received::Query(query) = receive(&packet) {
            _ = answer(&query, &world(), &zone());
        }
    }

    #[test]
    fn no_name_breaks_us(
        labels in proptest::collection::vec("[a-zA-Z0-9_.*-]{1,20}", 0..6),
        end in prop::sample::select(vec!["svc.cluster.local", "pod.cluster.local", "in-addr.arpa", "ip6.arpa", "cluster.local"]),
        kind in prop::sample::select(vec![RecordType::A, RecordType::AAAA, RecordType::SRV, RecordType::ANY, RecordType::PTR]),
    ) {
        let Ok(name) = Name::from_ascii(format!("{}.{end}.", labels.join("."))) else { return Ok(()) };
        let mut message = Message::query();
        message.add_query(Question::query(name, kind));
        let Ok(packet) = message.to_vec() else { return Ok(()) };
        if let Received::Query(query) = receive(&packet)
            && let Outcome::Reply(reply) = answer(&query, &world(), &zone())
        {
            prop_assert!(encode(&reply, query.udp_limit()).is_some());
        }
    }
}
