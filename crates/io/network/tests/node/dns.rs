//! Cluster DNS over real sockets, with a name server outside of the node.

use crate::cluster::Cluster;
use crate::sandbox::*;
use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::A};
use network::{DnsPolicy, Network};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use telemetry::{Health, Verdict};

const DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

struct Running {
    cluster: Arc<Cluster>,
    network: Arc<Network>,
    health: Health,
}

async fn start(node: &Node) -> Running {
    std::fs::write(&node.config.resolv_conf, format!("nameserver {OUTSIDE_IP}\nsearch home.arpa\n")).unwrap();
    let (cluster, health) = (Cluster::start(), Health::default());
    cluster.service("web", "10.96.1.1", json!({}));
    cluster.service("db", "None", json!({"clusterIPs": ["None"]}));
    cluster.service("away", "", json!({"type": "ExternalName", "externalName": "www.example", "clusterIPs": null}));
    cluster.slice("db", json!([{"addresses": ["10.42.0.77"], "hostname": "db-0"}]), 3306);
    let network = Network::start(node.config.clone(), cluster.clone(), &health).await.unwrap();
    let run = Running { cluster, network, health };
    run.wait_for(Verdict::Well).await;
    run
}

impl Running {
    fn verdict(&self) -> Verdict {
        self.health.verdicts().into_iter().find(|(name, _)| *name == "dns").unwrap().1
    }

    async fn wait_for(&self, wanted: Verdict) {
        let start = Instant::now();
        while self.verdict() != wanted {
            assert!(start.elapsed() < LONG, "{:?}", self.verdict());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A name server outside: everything has the address 203.0.113.7, but for `missing.*`; `big.*` needs TCP. Counts questions.
fn name_server(node: &Node) -> Arc<AtomicUsize> {
    let (udp, tcp) = within(&node.outside, || {
        (UdpSocket::bind((OUTSIDE_IP, 53)).unwrap(), TcpListener::bind((OUTSIDE_IP, 53)).unwrap())
    });
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            counter.fetch_add(1, Ordering::SeqCst);
            let reply = outside_answer(&buffer[..length]);
            let reply = if reply.answers.len() > 10 { reply.truncate() } else { reply };
            _ = udp.send_to(&reply.to_vec().unwrap(), from);
        }
    });
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            if let Ok(packet) = read_framed(&mut stream) {
                _ = write_framed(&mut stream, &outside_answer(&packet).to_vec().unwrap());
            }
        }
    });
    count
}

fn outside_answer(packet: &[u8]) -> Message {
    let query = Message::from_vec(packet).unwrap();
    let name = query.queries[0].name().clone();
    let first = name.to_ascii().to_lowercase();
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.queries = query.queries.clone();
    let count = if first.starts_with("big.") { 100 } else { u8::from(!first.starts_with("missing.")) };
    if count == 0 {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    for number in 0..count {
        let address = Ipv4Addr::new(203, 0, 113, 7 + number);
        reply.add_answer(Record::from_rdata(name.clone(), 60, RData::A(A(address))));
    }
    reply
}

fn read_framed(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut packet)?;
    Ok(packet)
}

fn write_framed(stream: &mut TcpStream, packet: &[u8]) -> std::io::Result<()> {
    stream.write_all(&[&(packet.len() as u16).to_be_bytes()[..], packet].concat())
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.set_edns(Edns::new());
    message
}

fn over_udp(from: Option<&Path>, message: &Message) -> Option<Message> {
    let packet = message.to_vec().unwrap();
    let ask = move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(LONG / 4)).unwrap();
        socket.connect((DNS, 53)).unwrap();
        let mut buffer = [0; 4096];
        // Datagrams may be lost; every resolver asks again.
        let length = (0..4).find_map(|_| socket.send(&packet).and_then(|_| socket.recv(&mut buffer)).ok())?;
        Message::from_vec(&buffer[..length]).ok()
    };
    from.map_or_else(|| ask.clone()(), |netns| within(netns, ask.clone()))
}

fn over_tcp(messages: &[Message]) -> Vec<Message> {
    let mut stream = TcpStream::connect(SocketAddr::from((DNS, 53))).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut ask = |message: &Message| {
        write_framed(&mut stream, &message.to_vec().unwrap()).unwrap();
        Message::from_vec(&read_framed(&mut stream).unwrap()).unwrap()
    };
    messages.iter().map(&mut ask).collect()
}

/// `code: data data..` of the answer.
fn shown(answer: &Message) -> String {
    let data: Vec<String> = answer.answers.iter().map(|record| record.data.to_string()).collect();
    format!("{:?}: {}", answer.metadata.response_code, data.join(" "))
}

fn ask(from: Option<&Path>, name: &str, kind: RecordType) -> String {
    over_udp(from, &question(name, kind)).map_or("no answer".to_owned(), |answer| shown(&answer))
}

/// Asks until the answer is as expected: DNS follows objects a moment later.
#[track_caller]
fn expect(from: Option<&Path>, name: &str, expected: &str) {
    let start = Instant::now();
    let mut answer = ask(from, name, RecordType::A);
    while answer != expected && start.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(5));
        answer = ask(from, name, RecordType::A);
    }
    assert_eq!(answer, expected, "{name}");
}

#[test]
fn pods_and_node_find_services() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let client = run.network.plug(&pod("client"), &[]).await.unwrap();
        for from in [Some(&*client.netns), None] {
            expect(from, "web.default.svc.cluster.local.", "NoError: 10.96.1.1");
            expect(from, "db-0.db.default.svc.cluster.local.", "NoError: 10.42.0.77");
            expect(from, "nothing.default.svc.cluster.local.", "NXDomain: ");
        }
        let answer = over_udp(None, &question("_tcp._tcp.web.default.svc.cluster.local.", RecordType::SRV)).unwrap();
        assert_eq!(shown(&answer), "NoError: 0 100 80 web.default.svc.cluster.local.");
        assert!(answer.edns.is_some() && answer.metadata.recursion_available);
        assert_eq!(ask(None, "1.1.96.10.in-addr.arpa.", RecordType::PTR), "NoError: web.default.svc.cluster.local.");
        run.cluster.service("new", "10.96.1.9", json!({}));
        expect(None, "new.default.svc.cluster.local.", "NoError: 10.96.1.9");
        run.cluster.delete(&client::resources::SERVICES, "default/new");
        expect(None, "new.default.svc.cluster.local.", "NXDomain: ");
    });
}

#[test]
fn other_names_are_asked_outside_and_remembered() {
    on_a_node(async |node| {
        let count = name_server(&node);
        let run = start(&node).await;
        let client = run.network.plug(&pod("client"), &[]).await.unwrap();
        assert_eq!(ask(Some(&client.netns), "www.example.", RecordType::A), "NoError: 203.0.113.7");
        assert_eq!(ask(None, "WWW.example.", RecordType::A), "NoError: 203.0.113.7");
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert_eq!(ask(None, "missing.example.", RecordType::A), "NXDomain: ");
        expect(None, "away.default.svc.cluster.local.", "NoError: www.example. 203.0.113.7");
        let big = question("big.example.", RecordType::A);
        assert!(over_udp(None, &big).unwrap().metadata.truncation);
        let answers = over_tcp(&[big, question("web.default.svc.cluster.local.", RecordType::A)]);
        assert_eq!((answers[0].answers.len(), &*shown(&answers[1])), (100, "NoError: 10.96.1.1"));
    });
}

#[test]
fn without_name_servers_the_rest_still_works() {
    on_a_node(async |node| {
        let run = start(&node).await;
        std::fs::write(&node.config.resolv_conf, format!("nameserver {DNS}\n")).unwrap();
        assert_eq!(ask(None, "www.example.", RecordType::A), "ServFail: ");
        expect(None, "web.default.svc.cluster.local.", "NoError: 10.96.1.1");
        // A server that does not answer costs its patience, and nobody else's question waits for it.
        std::fs::write(&node.config.resolv_conf, "nameserver 192.0.2.99\n").unwrap();
        let mut stuck = Vec::new();
        for number in 0..20 {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            let packet = question(&format!("n{number}.example."), RecordType::A).to_vec().unwrap();
            socket.send_to(&packet, (DNS, 53)).unwrap();
            stuck.push(socket);
        }
        let start = Instant::now();
        assert_eq!(ask(None, "web.default.svc.cluster.local.", RecordType::A), "NoError: 10.96.1.1");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        drop(run);
    });
}

#[test]
fn noise_does_not_stop_it() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        for length in 0..600usize {
            let noise: Vec<u8> = (0..length).map(|at| (at * 7 + length * 13) as u8).collect();
            socket.send_to(&noise, (DNS, 53)).unwrap();
        }
        for noise in [&b""[..], b"\x00", b"\xff\xff", b"\x00\x05hello"] {
            let mut stream = TcpStream::connect(SocketAddr::from((DNS, 53))).unwrap();
            stream.write_all(noise).unwrap();
        }
        expect(None, "web.default.svc.cluster.local.", "NoError: 10.96.1.1");
        assert_eq!(over_tcp(&[question("web.default.svc.cluster.local.", RecordType::A)]).len(), 1);
        drop(run);
    });
}

#[test]
fn a_taken_port_is_told_and_used_once_it_is_free() {
    on_a_node(async |node| {
        sh("ip link set lo up");
        let holder = UdpSocket::bind("0.0.0.0:53").unwrap();
        let cluster = Cluster::start();
        cluster.service("web", "10.96.1.1", json!({}));
        let health = Health::default();
        let network = Network::start(node.config.clone(), cluster.clone(), &health).await.unwrap();
        let run = Running { cluster, network, health };
        let start = Instant::now();
        while run.verdict() == Verdict::Starting && start.elapsed() < LONG {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(matches!(run.verdict(), Verdict::Ill { cause, .. } if cause.contains("port 53")));
        drop(holder);
        run.wait_for(Verdict::Well).await;
        expect(None, "web.default.svc.cluster.local.", "NoError: 10.96.1.1");
    });
}

#[test]
fn pods_are_told_where_to_ask() {
    on_a_node(async |node| {
        let run = start(&node).await;
        let text = run.network.resolv_conf(DnsPolicy::ClusterFirst, None, false, "shop");
        assert_eq!(
            text,
            "search shop.svc.cluster.local svc.cluster.local cluster.local home.arpa\nnameserver 10.96.0.10\noptions ndots:5\n"
        );
        let text = run.network.resolv_conf(DnsPolicy::Default, None, false, "shop");
        assert_eq!(text, format!("search home.arpa\nnameserver {OUTSIDE_IP}\n"));
    });
}
