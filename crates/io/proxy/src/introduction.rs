//! What a server is told of the stream before its first byte: a PROXY header, the name in the TLS handshake.

use crate::flow::Flow;
use balance::config::model::Server;
use balance::proxy_protocol::{Endpoints, Ssl, Tlvs};
use balance::sample::context::{Connection, Endpoint, Tls};
use balance::sample::{Context, Side};
use std::net::SocketAddr;

/// The PROXY header that a server wants.
pub fn header(flow: &Flow<'_>, server: &Server) -> Option<Vec<u8>> {
    if !server.send_proxy.is_on() {
        return None;
    }
    let connection = flow.connection(Side::Client)?;
    let unique_id = flow.unique_id().map(|id| id.into_owned()).or_else(|| made_id(flow));
    let tlvs = tlvs(connection, flow.tls(Side::Client), unique_id);
    Some(server.send_proxy.header(endpoints(connection), tlvs))
}

/// Of a session in tcp mode, which asks for its id only here.
fn made_id(flow: &Flow<'_>) -> Option<Vec<u8>> {
    let format = flow.programs.front.unique_id.as_ref()?;
    let mut id = Vec::new();
    format.render(flow, &mut id);
    Some(id)
}

/// The name that a server's `sni` finds in the stream.
pub fn sni(flow: &Flow<'_>, server: &str) -> Option<String> {
    let expression = flow.programs.inner().sni.get(server)?;
    let value = expression.get(flow)?;
    Some(String::from_utf8_lossy(&value.into_bytes()).into_owned())
}

fn endpoints(connection: &Connection) -> Option<Endpoints> {
    let address = |end: Option<Endpoint>| -> Option<SocketAddr> {
        match end {
            Some(Endpoint::Ip(address)) => Some(address),
            _ => None,
        }
    };
    Some(Endpoints { source: address(connection.source)?, destination: address(connection.destination)? })
}

fn tlvs(connection: &Connection, tls: Option<&Tls>, unique_id: Option<Vec<u8>>) -> Tlvs {
    let ssl = tls.map(|tls| {
        let peer = tls.peer.as_ref();
        let cn = peer.and_then(|peer| peer.subject.iter().find(|(name, _)| name == "CN"));
        Box::new(Ssl {
            client: SSL | if peer.is_some() { CERT_CONN | CERT_SESS } else { 0 },
            verify: tls.verify as u32,
            version: Some(tls.version.as_bytes().to_vec()),
            cn: cn.map(|(_, value)| value.as_bytes().to_vec()),
            cipher: Some(tls.cipher.as_bytes().to_vec()),
            sig_alg: tls.own.as_ref().map(|own| own.signature.as_bytes().to_vec()),
            key_alg: tls.own.as_ref().map(|own| own.key_kind.as_bytes().to_vec()),
        })
    });
    let authority =
        connection.authority.clone().or_else(|| tls.and_then(|tls| tls.sni.clone()).map(String::into_bytes));
    Tlvs { alpn: tls.and_then(|tls| tls.alpn.clone()).map(String::into_bytes), authority, unique_id, ssl, netns: None }
}

/// Bits of PP2_TYPE_SSL: the client spoke TLS; it showed a certificate on this connection, in this session.
const SSL: u8 = 0x01;
const CERT_CONN: u8 = 0x02;
const CERT_SESS: u8 = 0x04;
