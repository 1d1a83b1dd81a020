//! Two tables that talk without sockets.

use super::key::Key;
use super::table::{BUFFER, Out, Table};
use netplan::overlay::Peer;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

#[derive(Default)]
struct Seen {
    sent: Vec<(SocketAddr, Vec<u8>)>,
    delivered: Vec<Vec<u8>>,
}

impl Out for Seen {
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.sent.push((to, datagram.to_vec()));
    }

    fn deliver(&mut self, packet: &[u8]) {
        self.delivered.push(packet.to_vec());
    }
}

/// Node `number` is 192.0.2.number with pods in 10.42.number.0/24.
fn peer(number: u8, key: &Key) -> Peer {
    let range = netplan::Cidr::new(Ipv4Addr::new(10, 42, number, 0), 24);
    Peer { range, key: key.told(), endpoint: Ipv4Addr::new(192, 0, 2, number) }
}

/// An IPv4 header and a text.
fn packet(from: [u8; 4], to: [u8; 4], text: &str) -> Vec<u8> {
    let length = (20 + text.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend_from_slice(&from);
    packet.extend_from_slice(&to);
    packet.extend_from_slice(text.as_bytes());
    packet
}

fn address(number: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, number), 51820).into()
}

struct Pair {
    tables: [Table; 2],
    /// Everything that went over the wire.
    wire: Vec<Vec<u8>>,
}

impl Pair {
    fn new(keys: [&Key; 2]) -> Self {
        let tables = keys.map(|key| Table::new(key.clone()));
        Self { tables, wire: Vec::new() }
    }

    fn set(&mut self, of: usize, peers: &[Peer]) -> [Vec<Vec<u8>>; 2] {
        let (mut buffer, mut seen) = (vec![0; BUFFER], Seen::default());
        self.tables[of].set(&peers.iter().copied().collect::<BTreeSet<_>>(), &mut buffer, &mut seen);
        self.carry(of, seen)
    }

    fn send(&mut self, of: usize, packet: &[u8]) -> [Vec<Vec<u8>>; 2] {
        let (mut buffer, mut seen) = (vec![0; BUFFER], Seen::default());
        self.tables[of].outgoing(packet, &mut buffer, &mut seen);
        self.carry(of, seen)
    }

    /// Until nothing is on the way any more; what each node was given.
    fn carry(&mut self, of: usize, seen: Seen) -> [Vec<Vec<u8>>; 2] {
        let mut delivered = [Vec::new(), Vec::new()];
        let mut on_the_way: Vec<(usize, (SocketAddr, Vec<u8>))> = seen.sent.into_iter().map(|it| (of, it)).collect();
        while !on_the_way.is_empty() {
            let (from, (to, datagram)) = on_the_way.remove(0);
            let receiver = 1 - from;
            assert_eq!(to, address(receiver as u8 + 1));
            self.wire.push(datagram.clone());
            let (mut buffer, mut seen) = (vec![0; BUFFER], Seen::default());
            self.tables[receiver].incoming(address(from as u8 + 1), &datagram, &mut buffer, &mut seen);
            on_the_way.extend(seen.sent.into_iter().map(|it| (receiver, it)));
            delivered[receiver].extend(seen.delivered);
        }
        delivered
    }
}

#[test]
fn packets_come_out_as_they_went_in_and_are_not_readable_between() {
    let (one, two) = (Key::generate(), Key::generate());
    let mut pair = Pair::new([&one, &two]);
    pair.set(0, &[peer(2, &two)]);
    pair.set(1, &[peer(1, &one)]);
    let there = packet([10, 42, 1, 7], [10, 42, 2, 9], "a text that is easy to find");
    let back = packet([10, 42, 2, 9], [10, 42, 1, 7], "its answer");
    assert_eq!(pair.send(0, &there), [vec![], vec![there.clone()]]);
    assert_eq!(pair.send(1, &back), [vec![back], vec![]]);
    let readable = |datagram: &Vec<u8>| datagram.windows(4).any(|window| window == b"text" || window == b"answ");
    assert!(pair.wire.len() > 3 && !pair.wire.iter().any(readable));
}

#[test]
fn a_source_that_is_not_the_peers_is_dropped_and_so_is_what_nobody_has() {
    let (one, two) = (Key::generate(), Key::generate());
    let mut pair = Pair::new([&one, &two]);
    pair.set(1, &[peer(1, &one)]);
    pair.set(0, &[peer(2, &two)]);
    let none = [vec![], vec![]] as [Vec<Vec<u8>>; 2];
    for from in [[10, 42, 3, 7], [192, 0, 2, 1], [10, 42, 2, 7]] {
        assert_eq!(pair.send(0, &packet(from, [10, 42, 2, 9], "x")), none);
    }
    let carried = pair.wire.len();
    for to in [[10, 42, 3, 9], [10, 42, 0, 9], [192, 0, 2, 2]] {
        assert_eq!(pair.send(0, &packet([10, 42, 1, 7], to, "x")), none);
    }
    assert_eq!(pair.send(0, &[]), none);
    assert_eq!(pair.wire.len(), carried);
}

#[test]
fn only_known_keys_are_answered_and_gone_ones_not_any_more() {
    let (one, two, stranger) = (Key::generate(), Key::generate(), Key::generate());
    let mut pair = Pair::new([&stranger, &two]);
    pair.set(1, &[peer(1, &one)]);
    pair.wire.clear();
    pair.set(0, &[peer(2, &two)]);
    assert_eq!(pair.wire.len(), 1, "a stranger's handshake has no answer");
    pair.tables[0] = Table::new(one.clone());
    pair.set(0, &[peer(2, &two)]);
    let there = packet([10, 42, 1, 7], [10, 42, 2, 9], "x");
    assert_eq!(pair.send(0, &there)[1].len(), 1);
    pair.set(1, &[]);
    assert_eq!(pair.send(0, &there)[1].len(), 0);
}

#[test]
fn a_new_run_is_talked_to_at_once() {
    let (one, two) = (Key::generate(), Key::generate());
    let mut pair = Pair::new([&one, &two]);
    pair.set(0, &[peer(2, &two)]);
    pair.set(1, &[peer(1, &one)]);
    let back = packet([10, 42, 2, 9], [10, 42, 1, 7], "x");
    assert_eq!(pair.send(1, &back)[0].len(), 1);
    pair.tables[0] = Table::new(one.clone());
    assert_eq!(pair.send(1, &back)[0].len(), 0);
    pair.set(0, &[peer(2, &two)]);
    assert_eq!(pair.send(1, &back)[0].len(), 1);
}

#[test]
fn noise_from_anywhere_is_survived() {
    let (one, two) = (Key::generate(), Key::generate());
    let mut pair = Pair::new([&one, &two]);
    pair.set(1, &[peer(1, &one)]);
    pair.set(0, &[peer(2, &two)]);
    pair.send(0, &packet([10, 42, 1, 7], [10, 42, 2, 9], "x"));
    let (mut buffer, mut seen) = (vec![0; BUFFER], Seen::default());
    for datagram in pair.wire.clone() {
        for end in 0..datagram.len() {
            let mut spoiled = datagram.clone();
            spoiled[end] ^= 1;
            pair.tables[1].incoming(address(1), &datagram[..end], &mut buffer, &mut seen);
            pair.tables[1].incoming(address(1), &spoiled, &mut buffer, &mut seen);
        }
        // The same once more is a replay.
        pair.tables[1].incoming(address(1), &datagram, &mut buffer, &mut seen);
    }
    assert_eq!(seen.delivered, [] as [Vec<u8>; 0]);
}
