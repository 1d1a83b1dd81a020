//! Who the peers are and what becomes of a packet: to whom it goes sealed, or what it is when it is opened.
//!
//! No socket and no device: the caller sends and delivers. Nothing is allocated for a packet, except for those that wait
//! for a handshake, of which each peer keeps a bounded number.

use super::key::Key;
use defguard_boringtun::noise::handshake::parse_handshake_anon;
use defguard_boringtun::noise::rate_limiter::RateLimiter;
use defguard_boringtun::noise::{Packet, Tunn, TunnResult};
use defguard_boringtun::x25519::PublicKey;
use netplan::overlay::{Peer, WIREGUARD_PORT};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Handshakes a second from which on those who ask must first show that they are where they say. Each is counted twice.
const HANDSHAKES: u64 = 1000;
/// Session numbers on the wire have so many bits for the peer; the rest is the session's.
const INDEX_BITS: u32 = 24;
/// Room for the largest packet and what sealing adds.
pub const BUFFER: usize = 65536 + 64;

/// Where packets go.
pub trait Out {
    /// Sealed, to another node.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]);
    /// Open, to this node.
    fn deliver(&mut self, packet: &[u8]);
}

pub struct Table {
    key: Key,
    limiter: Arc<RateLimiter>,
    /// By their part of session numbers.
    peers: HashMap<u32, Tunnel>,
    by_key: HashMap<[u8; 32], u32>,
    /// By the first address of their range; ranges do not overlap.
    by_range: BTreeMap<Ipv4Addr, u32>,
    next: u32,
}

struct Tunnel {
    peer: Peer,
    state: Tunn,
}

impl Tunnel {
    fn endpoint(&self) -> SocketAddr {
        (self.peer.endpoint, WIREGUARD_PORT).into()
    }
}

impl Table {
    pub fn new(key: Key) -> Self {
        let limiter = Arc::new(RateLimiter::new(&key.public, HANDSHAKES));
        // Not where an earlier run began: what is still on its way to that must not find a session.
        let next = rand::random::<u32>() >> (32 - INDEX_BITS);
        let (peers, by_key, by_range) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        Self { key, limiter, peers, by_key, by_range, next }
    }

    /// Makes the peers these. Sessions with those that stay go on; to new ones a handshake is begun, which tells a peer
    /// that has a session with an earlier run of ours that it is dead.
    pub fn set(&mut self, wanted: &BTreeSet<Peer>, buffer: &mut [u8], out: &mut impl Out) {
        let of: HashMap<[u8; 32], &Peer> = wanted.iter().map(|peer| (peer.key.0, peer)).collect();
        self.peers.retain(|_, tunnel| of.contains_key(&tunnel.peer.key.0));
        for tunnel in self.peers.values_mut() {
            tunnel.peer = *of[&tunnel.peer.key.0];
        }
        for peer in wanted {
            if self.by_key.contains_key(&peer.key.0) {
                continue;
            }
            let index = self.free_index();
            let key = PublicKey::from(peer.key.0);
            let state = Tunn::new(self.key.secret.clone(), key, None, None, index, Some(self.limiter.clone()));
            let tunnel = self.peers.entry(index).insert_entry(Tunnel { peer: *peer, state }).into_mut();
            if let TunnResult::WriteToNetwork(hello) = tunnel.state.format_handshake_initiation(buffer, false) {
                out.send(tunnel.endpoint(), hello);
            }
        }
        self.by_key = self.peers.iter().map(|(index, tunnel)| (tunnel.peer.key.0, *index)).collect();
        self.by_range = self.peers.iter().map(|(index, tunnel)| (tunnel.peer.range.base(), *index)).collect();
    }

    fn free_index(&mut self) -> u32 {
        loop {
            self.next = (self.next + 1) % (1 << INDEX_BITS);
            if !self.peers.contains_key(&self.next) {
                return self.next;
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Seals a packet of this node for the peer whose range it goes to. What nobody has the range of is dropped.
    pub fn outgoing(&mut self, packet: &[u8], buffer: &mut [u8], out: &mut impl Out) {
        let Some(IpAddr::V4(to)) = Tunn::dst_address(packet) else { return };
        let Some((_, index)) = self.by_range.range(..=to).next_back() else { return };
        let Some(tunnel) = self.peers.get_mut(index).filter(|tunnel| tunnel.peer.range.contains(to)) else { return };
        if let TunnResult::WriteToNetwork(sealed) = tunnel.state.encapsulate(packet, buffer) {
            out.send(tunnel.endpoint(), sealed);
        }
    }

    /// Opens a datagram. What is not from a peer, or has a source that is not the peer's, is dropped.
    pub fn incoming(&mut self, from: SocketAddr, datagram: &[u8], buffer: &mut [u8], out: &mut impl Out) {
        let packet = match self.limiter.verify_packet(Some(from.ip()), datagram, buffer) {
            Ok(packet) => packet,
            Err(TunnResult::WriteToNetwork(cookie)) => return out.send(from, cookie),
            Err(_) => return,
        };
        let Some(index) = self.index(&packet) else { return };
        let Some(tunnel) = self.peers.get_mut(&index) else { return };
        let mut result = tunnel.state.decapsulate(Some(from.ip()), datagram, buffer);
        // After an answer there may be packets that waited for the handshake.
        while let TunnResult::WriteToNetwork(answer) = result {
            out.send(tunnel.endpoint(), answer);
            result = tunnel.state.decapsulate(None, &[], buffer);
        }
        if let TunnResult::WriteToTunnelV4(packet, source) = result
            && tunnel.peer.range.contains(source)
        {
            out.deliver(packet);
        }
    }

    /// Which peer it is from.
    fn index(&self, packet: &Packet<'_>) -> Option<u32> {
        let session = match packet {
            Packet::HandshakeInit(hello) => {
                let hello = parse_handshake_anon(&self.key.secret, &self.key.public, hello).ok()?;
                return self.by_key.get(&hello.peer_static_public).copied();
            }
            Packet::HandshakeResponse(answer) => answer.receiver_idx,
            Packet::PacketCookieReply(cookie) => cookie.receiver_idx,
            Packet::PacketData(data) => data.receiver_idx,
        };
        Some(session >> (32 - INDEX_BITS))
    }

    /// To be called four times a second: handshakes that got no answer, new keys, what is too old.
    pub fn tick(&mut self, buffer: &mut [u8], out: &mut impl Out) {
        self.limiter.reset_count();
        for tunnel in self.peers.values_mut() {
            if let TunnResult::WriteToNetwork(due) = tunnel.state.update_timers(buffer) {
                out.send(tunnel.endpoint(), due);
            }
        }
    }
}
