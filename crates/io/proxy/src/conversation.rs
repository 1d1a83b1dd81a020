//! What lasts as long as a client's connection, and is known only of some: made when something asks for it.

use crate::flow::{Tracked, Vars};
use crate::live::Live;
use balance::proxy_protocol::Header;
use balance::sample::context::{Connection, Endpoint, Tls};
use std::cell::RefCell;

/// Facts of the client's connection.
#[derive(Debug, Default)]
pub struct Conversation {
    pub connection: Connection,
    pub tls: Option<Box<Tls>>,
    /// Milliseconds that handshakes took.
    pub handshake_ms: i64,
    /// Variables of `sess`.
    pub vars: RefCell<Vars>,
    /// Entries tracked by rules of connections and sessions.
    pub tracked: RefCell<Tracked>,
}

impl Conversation {
    /// As the kernel tells it.
    pub fn new(live: &Live) -> Self {
        let endpoint = |address: Option<std::net::SocketAddr>| Some(address.map_or(Endpoint::Unix, Endpoint::Ip));
        let (source, destination) = (endpoint(live.source.get()), endpoint(live.destination.get()));
        let connection = Connection {
            source,
            destination,
            kernel_source: source,
            kernel_destination: destination,
            http_major: 1,
            ..Connection::default()
        };
        Self { connection, ..Self::default() }
    }

    /// Takes in what a PROXY header says.
    pub fn relayed(&mut self, live: &Live, header: Header) {
        self.connection.proxied = true;
        if let Some(endpoints) = header.endpoints {
            self.connection.source = Some(Endpoint::Ip(endpoints.source));
            self.connection.destination = Some(Endpoint::Ip(endpoints.destination));
            live.source.set(Some(endpoints.source));
            live.destination.set(Some(endpoints.destination));
        }
        self.connection.authority = header.tlvs.authority;
        self.connection.unique_id = header.tlvs.unique_id;
    }
}
