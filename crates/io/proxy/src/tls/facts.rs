//! What a finished handshake tells samples, logs and PROXY headers.

use super::certificate;
use balance::sample::context::{Certificate, Tls};
use balance::tls::ciphers;
use rustls::{CommonState, HandshakeKind, ProtocolVersion};
use std::sync::Arc;

/// `peer`: whether the other side's certificate will be asked for; reading it takes time.
pub fn facts(connection: &CommonState, sni: Option<&str>, own: Option<Arc<Certificate>>, peer: bool) -> Tls {
    let suite = connection.negotiated_cipher_suite().and_then(|suite| ciphers::by_code(u16::from(suite.suite())));
    let chain = connection.peer_certificates().filter(|_| peer);
    Tls {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "",
        },
        cipher: suite.map_or("", |suite| suite.name),
        key_bits: suite.map_or(0, |suite| suite.bits),
        sni: sni.map(str::to_owned),
        alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        // Not told by the library; TLS 1.3 has none that means anything.
        session_id: vec![],
        established: true,
        peer: chain.and_then(|chain| chain.first()).and_then(|first| certificate::parse(first)),
        own,
        verify: 0,
    }
}
