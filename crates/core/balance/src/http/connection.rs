//! Whether a connection serves another message after this one (RFC 9112 section 9.3; manual: `option http-keep-alive`,
//! `http-server-close`, `httpclose`), and when it stops being HTTP.

use super::framing::{Body, Facts};
use super::head::Version;

/// How connections are reused; the frontend's and the backend's option, the stricter one of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// `option http-keep-alive`, the default: both sides.
    #[default]
    KeepAlive,
    /// `option http-server-close`: the client's side only.
    ServerClose,
    /// `option httpclose`: neither.
    Close,
}

/// Whether a peer that sent this head wants to go on.
pub fn wants_more(version: Version, facts: &Facts) -> bool {
    match version {
        Version::Http09 => false,
        // Chunks are not known to 1.0: who sends them so is not to be trusted with the end of the message.
        Version::Http10 => facts.keep_alive && !facts.close && !facts.chunked,
        Version::Http11 | Version::Http2 => !facts.close,
    }
}

/// Whether the client's connection goes on after this response.
pub fn keeps_client(request: (Version, &Facts), response_body: Body, mode: Mode) -> bool {
    mode < Mode::Close && response_body != Body::UntilClose && wants_more(request.0, request.1)
}

/// Whether the server's connection can take another request after this response.
pub fn keeps_server(response: (Version, &Facts), response_body: Body, mode: Mode) -> bool {
    mode < Mode::ServerClose && response_body != Body::UntilClose && wants_more(response.0, response.1)
}

/// The token of `Connection` to be written, if one is needed: between two that speak 1.1, going on is the default.
/// `both_11`: the message says 1.1 and so does who reads it.
pub fn token(keep: bool, message: Version, both_11: bool) -> Option<&'static [u8]> {
    match (keep, both_11) {
        (true, true) => None,
        (true, false) => Some(b"keep-alive"),
        (false, _) => (message >= Version::Http11).then_some(b"close"),
    }
}

/// Whether both sides stop speaking HTTP after this head: a proxied CONNECT, or a protocol both agreed to change to.
pub fn is_tunnel(method: &[u8], request: &Facts, status: u16) -> bool {
    match status {
        101 => asks_upgrade(request),
        200..=299 => method == b"CONNECT",
        _ => false,
    }
}

/// Whether a request asks for another protocol. Only then may the server answer 101.
pub fn asks_upgrade(request: &Facts) -> bool {
    request.upgrade && request.protocol
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_on() {
        let (close, keep) = (Facts { close: true, ..Facts::default() }, Facts { keep_alive: true, ..Facts::default() });
        let plain = Facts::default();
        assert!(wants_more(Version::Http11, &plain) && !wants_more(Version::Http11, &close));
        assert!(!wants_more(Version::Http10, &plain) && wants_more(Version::Http10, &keep));
        let from = (Version::Http11, &plain);
        assert!(keeps_client(from, Body::Chunked, Mode::ServerClose) && !keeps_client(from, Body::None, Mode::Close));
        assert!(!keeps_client(from, Body::UntilClose, Mode::KeepAlive));
        assert!(keeps_server(from, Body::None, Mode::KeepAlive) && !keeps_server(from, Body::None, Mode::ServerClose));
    }

    #[test]
    fn tokens_are_written_where_the_default_is_another() {
        let (old, new) = (Version::Http10, Version::Http11);
        for (keep, message, both, expected) in [
            (true, new, true, None),
            (true, new, false, Some("keep-alive")),
            (true, old, false, Some("keep-alive")),
            (false, new, true, Some("close")),
            (false, old, false, None),
        ] {
            assert_eq!(token(keep, message, both), expected.map(str::as_bytes), "{keep} {message:?} {both}");
        }
    }

    #[test]
    fn tunnels() {
        let (plain, both) = (Facts::default(), Facts { upgrade: true, protocol: true, ..Facts::default() });
        assert!(is_tunnel(b"GET", &both, 101) && !is_tunnel(b"GET", &plain, 101));
        assert!(is_tunnel(b"CONNECT", &plain, 200) && !is_tunnel(b"CONNECT", &plain, 407));
        assert!(!is_tunnel(b"GET", &both, 200));
    }
}
