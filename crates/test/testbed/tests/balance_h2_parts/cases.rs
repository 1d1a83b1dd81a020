//! The rules for servers, one case each: RFC 9113 (and 7540, whose numbers public checkers use) and RFC 7541.

use super::expect::{CANCEL, COMPRESSION, Expect, FLOW_CONTROL, FRAME_SIZE, PROTOCOL, REFUSED, STREAM_CLOSED};
use super::wire::{
    ACK, CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, block, field, frame, request, request_with,
};

/// What a client sends after its SETTINGS.
type Send = fn(&Connection) -> Vec<u8>;

pub struct Case {
    /// Section of RFC 7540 or, with `hpack`, 7541; and what is tried.
    pub name: &'static str,
    /// Whether nothing is sent before it, not even the preface.
    pub raw: bool,
    /// Our SETTINGS.
    pub settings: &'static [u8],
    pub send: Send,
    pub expect: Expect,
}

const fn case(name: &'static str, send: Send, expect: Expect) -> Case {
    Case { name, raw: false, settings: &[], send, expect }
}

/// A request on a stream that ends with its head.
fn get(stream: u32) -> Vec<u8> {
    headers(stream, END_STREAM, &request("GET"))
}

/// A whole head.
fn headers(stream: u32, flags: u8, fields: &[u8]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, fields)
}

/// The head of a request whose body follows.
fn post(stream: u32) -> Vec<u8> {
    headers(stream, 0, &request("POST"))
}

/// A head with these fields after the usual ones, on stream 1.
fn with(fields: &[(&str, &str)]) -> Vec<u8> {
    headers(1, END_STREAM, &request_with("GET", fields))
}

/// A head of exactly these fields, on stream 1.
fn only(fields: &[(&str, &str)]) -> Vec<u8> {
    headers(1, END_STREAM, &block(fields))
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    [id.to_be_bytes().to_vec(), value.to_be_bytes().to_vec()].concat()
}

fn settings(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &setting(id, value))
}

fn window(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

fn priority(on: u32, weight: u8) -> Vec<u8> {
    [on.to_be_bytes().to_vec(), vec![weight]].concat()
}

/// Headers of a stream and the reset that ends it.
fn reset(stream: u32) -> Vec<u8> {
    [headers(stream, 0, &request("POST")), frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
}

/// A head of about this many bytes.
fn long(bytes: usize) -> Vec<u8> {
    let value = "a".repeat(120);
    let mut fields = request("GET");
    let mut count = 0;
    while fields.len() < bytes {
        fields.extend(field(&format!("x-dummy{}", count % 40), &value));
        count += 1;
    }
    fields.truncate(bytes);
    fields
}

const DEAD: &[u32] = &[STREAM_CLOSED, PROTOCOL];
const P: &[u32] = &[PROTOCOL];
const C: &[u32] = &[COMPRESSION];
const F: &[u32] = &[FLOW_CONTROL];
const S: &[u32] = &[FRAME_SIZE];

/// Our SETTINGS with SETTINGS_INITIAL_WINDOW_SIZE of 1: bodies come byte by byte.
const WINDOW_1: &[u8] = &[0, 4, 0, 0, 0, 1];
const WINDOW_0: &[u8] = &[0, 4, 0, 0, 0, 0];

pub fn all() -> Vec<Case> {
    [starting(), generic(), frames(), states(), definitions(), settings_cases(), flow(), exchanges(), hpack()]
        .into_iter()
        .flatten()
        .collect()
}

fn starting() -> Vec<Case> {
    vec![
        Case {
            raw: true,
            ..case("3.5 preface", |_| [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[])].concat(), Expect::SettingsAck)
        },
        Case {
            raw: true,
            ..case("3.5 wrong preface", |_| b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(), Expect::Closed)
        },
    ]
}

/// What an ordinary client does.
fn generic() -> Vec<Case> {
    vec![
        case("2 PRIORITY in idle", |_| [frame(PRIORITY, 0, 1, &priority(0, 16)), get(1)].concat(), Expect::Response(1)),
        case("2 WINDOW_UPDATE in half-closed (remote)", |_| [get(1), window(1, 1)].concat(), Expect::Response(1)),
        case(
            "2 PRIORITY in half-closed (remote)",
            |_| [get(1), frame(PRIORITY, 0, 1, &priority(0, 16))].concat(),
            Expect::Response(1),
        ),
        case(
            "2 RST_STREAM in half-closed (remote)",
            |_| [get(1), frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes())].concat(),
            Expect::Alive,
        ),
        case("2 PRIORITY in closed", |_| [reset(1), frame(PRIORITY, 0, 1, &priority(0, 16))].concat(), Expect::Alive),
        case("3.1 DATA", |_| [post(1), frame(DATA, END_STREAM, 1, b"test")].concat(), Expect::Response(1)),
        case(
            "3.1 several DATA",
            |_| [post(1), frame(DATA, 0, 1, b"test"), frame(DATA, END_STREAM, 1, b"test")].concat(),
            Expect::Response(1),
        ),
        case(
            "3.1 DATA with padding",
            |_| [post(1), frame(DATA, END_STREAM | PADDED, 1, b"\x06test\0\0\0\0\0\0")].concat(),
            Expect::Response(1),
        ),
        case("3.2 HEADERS", |_| get(1), Expect::Response(1)),
        case(
            "3.2 HEADERS with padding",
            |_| headers(1, END_STREAM | PADDED, &[&[4][..], &request("GET"), &[0; 4]].concat()),
            Expect::Response(1),
        ),
        case(
            "3.2 HEADERS with priority",
            |_| headers(1, END_STREAM | WITH_PRIORITY, &[priority(0, 255), request("GET")].concat()),
            Expect::Response(1),
        ),
        case(
            "3.3 PRIORITY of weight 1",
            |_| [frame(PRIORITY, 0, 1, &priority(0, 0)), get(1)].concat(),
            Expect::Response(1),
        ),
        case(
            "3.3 PRIORITY of weight 256",
            |_| [frame(PRIORITY, 0, 1, &priority(0, 255)), get(1)].concat(),
            Expect::Response(1),
        ),
        case(
            "3.3 PRIORITY with a dependency",
            |_| [frame(PRIORITY, 0, 3, &priority(1, 255)), get(3)].concat(),
            Expect::Response(3),
        ),
        case(
            "3.3 PRIORITY, exclusive",
            |_| [frame(PRIORITY, 0, 3, &priority(1 | 1 << 31, 255)), get(3)].concat(),
            Expect::Response(3),
        ),
        case(
            "3.3 PRIORITY for an idle stream, then HEADERS on a lower one",
            |_| [frame(PRIORITY, 0, 7, &priority(0, 255)), get(5)].concat(),
            Expect::Response(5),
        ),
        case("3.4 RST_STREAM", |_| reset(1), Expect::Alive),
        case("3.5 SETTINGS", |_| settings(3, 100), Expect::SettingsAck),
        case("3.7 PING", |_| frame(PING, 0, 0, b"\0\0\0\0\0\0\0\x01"), Expect::PingAck(*b"\0\0\0\0\0\0\0\x01")),
        case("3.8 GOAWAY", |_| frame(GOAWAY, 0, 0, &[0; 8]), Expect::Closed),
        case("3.9 WINDOW_UPDATE of the connection", |_| [window(0, 1), get(1)].concat(), Expect::Response(1)),
        case(
            "3.9 WINDOW_UPDATE of a stream",
            |_| [post(1), window(1, 1), frame(DATA, END_STREAM, 1, b"x")].concat(),
            Expect::Response(1),
        ),
        case(
            "3.10 CONTINUATION",
            |_| {
                let fields = request("GET");
                [frame(HEADERS, END_STREAM, 1, &fields[..9]), frame(CONTINUATION, END_HEADERS, 1, &fields[9..])]
                    .concat()
            },
            Expect::Response(1),
        ),
        case(
            "3.10 several CONTINUATION",
            |_| {
                let fields = request("GET");
                [
                    frame(HEADERS, END_STREAM, 1, &fields[..9]),
                    frame(CONTINUATION, 0, 1, &fields[9..14]),
                    frame(CONTINUATION, END_HEADERS, 1, &fields[14..]),
                ]
                .concat()
            },
            Expect::Response(1),
        ),
        case("4 GET", |_| get(1), Expect::Response(1)),
        case("4 HEAD", |_| headers(1, END_STREAM, &request("HEAD")), Expect::Response(1)),
        case("4 POST", |_| [post(1), frame(DATA, END_STREAM, 1, b"test")].concat(), Expect::Response(1)),
        case(
            "4 POST with trailers",
            |_| [post(1), frame(DATA, 0, 1, b"test"), headers(1, END_STREAM, &block(&[("x-test", "ok")]))].concat(),
            Expect::Response(1),
        ),
    ]
}

fn frames() -> Vec<Case> {
    vec![
        case("4.1 frame of an unknown type", |_| frame(0x16, 0, 0, &[0; 8]), Expect::Alive),
        case("4.1 frame with an undefined flag", |_| frame(PING, 0x16, 0, b"12345678"), Expect::PingAck(*b"12345678")),
        case(
            "4.1 frame with the reserved bit",
            |_| frame(PING, 0, 1 << 31, b"12345678"),
            Expect::PingAck(*b"12345678"),
        ),
        case(
            "4.2 DATA of 2^14 bytes",
            |_| [post(1), frame(DATA, END_STREAM, 1, &[b'x'; 16_384])].concat(),
            Expect::Response(1),
        ),
        case(
            "4.2 DATA beyond SETTINGS_MAX_FRAME_SIZE",
            |connection| [post(1), frame(DATA, END_STREAM, 1, &vec![b'x'; connection.max_frame as usize + 1])].concat(),
            Expect::StreamError(S),
        ),
        case(
            "4.2 HEADERS beyond SETTINGS_MAX_FRAME_SIZE",
            |connection| headers(1, END_STREAM, &long(connection.max_frame as usize + 1)),
            Expect::ConnectionError(S),
        ),
        case("4.3 invalid header block", |_| headers(1, END_STREAM, &[0x40]), Expect::ConnectionError(C)),
        case(
            "4.3 PRIORITY inside a header block",
            |_| {
                [
                    frame(HEADERS, END_STREAM, 1, &request("GET")),
                    frame(PRIORITY, 0, 1, &priority(0, 255)),
                    frame(CONTINUATION, END_HEADERS, 1, &field("x-a", "b")),
                ]
                .concat()
            },
            Expect::ConnectionError(P),
        ),
        case(
            "4.3 another stream's HEADERS inside a header block",
            |_| [frame(HEADERS, END_STREAM, 1, &request("GET")), get(3)].concat(),
            Expect::ConnectionError(P),
        ),
    ]
}

fn states() -> Vec<Case> {
    vec![
        case("5.1 DATA on an idle stream", |_| frame(DATA, END_STREAM, 1, b"test"), Expect::ConnectionError(P)),
        case(
            "5.1 RST_STREAM on an idle stream",
            |_| frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]),
            Expect::ConnectionError(P),
        ),
        case("5.1 WINDOW_UPDATE on an idle stream", |_| window(1, 100), Expect::ConnectionError(P)),
        case(
            "5.1 CONTINUATION on an idle stream",
            |_| frame(CONTINUATION, END_HEADERS, 1, &request("GET")),
            Expect::ConnectionError(P),
        ),
        case(
            "5.1 DATA in half-closed (remote)",
            |_| [get(1), frame(DATA, END_STREAM, 1, b"test")].concat(),
            Expect::StreamError(&[STREAM_CLOSED]),
        ),
        case(
            "5.1 HEADERS in half-closed (remote)",
            |_| [get(1), get(1)].concat(),
            Expect::StreamError(&[STREAM_CLOSED]),
        ),
        case(
            "5.1 CONTINUATION in half-closed (remote)",
            |_| [get(1), frame(CONTINUATION, END_HEADERS, 1, &field("x-a", "b"))].concat(),
            Expect::StreamError(DEAD),
        ),
        case(
            "5.1 DATA after RST_STREAM",
            |_| [reset(1), frame(DATA, END_STREAM, 1, b"test")].concat(),
            Expect::StreamError(&[STREAM_CLOSED]),
        ),
        case("5.1 HEADERS after RST_STREAM", |_| [reset(1), get(1)].concat(), Expect::StreamError(&[STREAM_CLOSED])),
        case(
            "5.1 CONTINUATION after RST_STREAM",
            |_| [reset(1), frame(CONTINUATION, END_HEADERS, 1, &field("x-a", "b"))].concat(),
            Expect::StreamError(DEAD),
        ),
        case("5.1.1 stream of an even number", |_| get(2), Expect::ConnectionError(P)),
        case("5.1.1 stream of a lower number", |_| [get(5), get(3)].concat(), Expect::ConnectionError(DEAD)),
        case(
            "5.1.2 more streams than SETTINGS_MAX_CONCURRENT_STREAMS",
            |_| (0..150).flat_map(|place| post(2 * place + 1)).collect(),
            Expect::StreamError(&[PROTOCOL, REFUSED]),
        ),
        case(
            "5.3.1 HEADERS that depend on themselves",
            |_| headers(1, END_STREAM | WITH_PRIORITY, &[priority(1, 255), request("GET")].concat()),
            Expect::StreamError(P),
        ),
        case(
            "5.3.1 PRIORITY that depends on itself",
            |_| frame(PRIORITY, 0, 1, &priority(1, 255)),
            Expect::StreamError(P),
        ),
        case("5.4.1 invalid PING ends the connection", |_| frame(PING, 0, 3, &[0; 8]), Expect::ConnectionError(P)),
        case("5.4.1 GOAWAY before the end", |_| frame(PING, 0, 3, &[0; 8]), Expect::Closed),
        case("5.5 unknown extension frame", |_| frame(0x16, 0, 0, &[0; 8]), Expect::Alive),
        case(
            "5.5 unknown extension frame inside a header block",
            |_| [frame(HEADERS, END_STREAM, 1, &request("GET")), frame(0x16, 0, 0, &[0; 8])].concat(),
            Expect::ConnectionError(P),
        ),
    ]
}

fn definitions() -> Vec<Case> {
    vec![
        case("6.1 DATA on stream 0", |_| frame(DATA, END_STREAM, 0, b"test"), Expect::ConnectionError(P)),
        case(
            "6.1 DATA on a stream that is not open",
            |_| [get(1), frame(DATA, END_STREAM, 1, b"test")].concat(),
            Expect::StreamError(&[STREAM_CLOSED]),
        ),
        case(
            "6.1 DATA with too much padding",
            |_| [post(1), frame(DATA, END_STREAM | PADDED, 1, b"\xfftest")].concat(),
            Expect::ConnectionError(P),
        ),
        case(
            "6.2 HEADERS without END_HEADERS, then PRIORITY",
            |_| [frame(HEADERS, END_STREAM, 1, &request("GET")), frame(PRIORITY, 0, 1, &priority(0, 1))].concat(),
            Expect::ConnectionError(P),
        ),
        case(
            "6.2 HEADERS without END_HEADERS, then HEADERS of another stream",
            |_| [frame(HEADERS, END_STREAM, 1, &request("GET")), get(3)].concat(),
            Expect::ConnectionError(P),
        ),
        case("6.2 HEADERS on stream 0", |_| get(0), Expect::ConnectionError(P)),
        case(
            "6.2 HEADERS with too much padding",
            |_| {
                let fields = request("GET");
                headers(1, END_STREAM | PADDED, &[vec![fields.len() as u8 + 2], fields].concat())
            },
            Expect::ConnectionError(P),
        ),
        case("6.3 PRIORITY on stream 0", |_| frame(PRIORITY, 0, 0, &priority(0, 1)), Expect::ConnectionError(P)),
        case("6.3 PRIORITY not of 5 bytes", |_| frame(PRIORITY, 0, 1, &[0x80, 0, 0, 1]), Expect::StreamError(S)),
        case("6.4 RST_STREAM on stream 0", |_| frame(RST_STREAM, 0, 0, &[0, 0, 0, 8]), Expect::ConnectionError(P)),
        case(
            "6.4 RST_STREAM on an idle stream",
            |_| frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]),
            Expect::ConnectionError(P),
        ),
        case(
            "6.4 RST_STREAM not of 4 bytes",
            |_| [post(1), frame(RST_STREAM, 0, 1, &[0, 0, 0])].concat(),
            Expect::ConnectionError(S),
        ),
        case("6.7 PING", |_| frame(PING, 0, 0, b"h2 ping!"), Expect::PingAck(*b"h2 ping!")),
        case(
            "6.7 PING with ACK is not answered",
            |_| [frame(PING, ACK, 0, b"invalid!"), frame(PING, 0, 0, b"h2 ping!")].concat(),
            Expect::PingAck(*b"h2 ping!"),
        ),
        case("6.7 PING on a stream", |_| frame(PING, 0, 1, &[0; 8]), Expect::ConnectionError(P)),
        case("6.7 PING not of 8 bytes", |_| frame(PING, 0, 0, &[0; 6]), Expect::ConnectionError(S)),
        case("6.8 GOAWAY on a stream", |_| frame(GOAWAY, 0, 1, &[0; 8]), Expect::ConnectionError(P)),
        case(
            "6.10 several CONTINUATION",
            |_| {
                [
                    frame(HEADERS, END_STREAM, 1, &request("GET")),
                    frame(CONTINUATION, 0, 1, &field("x-dummy0", "a")),
                    frame(CONTINUATION, END_HEADERS, 1, &field("x-dummy1", "b")),
                ]
                .concat()
            },
            Expect::Response(1),
        ),
        case(
            "6.10 CONTINUATION, then another frame than CONTINUATION",
            |_| {
                [
                    frame(HEADERS, END_STREAM, 1, &request("GET")),
                    frame(CONTINUATION, 0, 1, &field("x-dummy0", "a")),
                    frame(DATA, END_STREAM, 1, b"test"),
                ]
                .concat()
            },
            Expect::ConnectionError(P),
        ),
        case(
            "6.10 CONTINUATION on stream 0",
            |_| {
                [
                    frame(HEADERS, END_STREAM, 1, &request("GET")),
                    frame(CONTINUATION, END_HEADERS, 0, &field("x-a", "b")),
                ]
                .concat()
            },
            Expect::ConnectionError(P),
        ),
        case(
            "6.10 CONTINUATION after END_HEADERS",
            |_| [headers(1, 0, &request("POST")), frame(CONTINUATION, END_HEADERS, 1, &field("x-a", "b"))].concat(),
            Expect::ConnectionError(P),
        ),
        case(
            "6.10 CONTINUATION after END_HEADERS on a CONTINUATION",
            |_| {
                [
                    frame(HEADERS, 0, 1, &request("POST")),
                    frame(CONTINUATION, END_HEADERS, 1, &field("x-a", "b")),
                    frame(CONTINUATION, END_HEADERS, 1, &field("x-a", "b")),
                ]
                .concat()
            },
            Expect::ConnectionError(P),
        ),
        case(
            "6.10 CONTINUATION after DATA",
            |_| [post(1), frame(DATA, 0, 1, b"test"), frame(CONTINUATION, END_HEADERS, 1, &field("x-a", "b"))].concat(),
            Expect::ConnectionError(P),
        ),
        case(
            "8.2 PUSH_PROMISE from a client",
            |_| frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2][..], &request("GET")].concat()),
            Expect::ConnectionError(P),
        ),
    ]
}

fn settings_cases() -> Vec<Case> {
    vec![
        case("6.5 SETTINGS with ACK and a payload", |_| frame(SETTINGS, ACK, 0, &[0]), Expect::ConnectionError(S)),
        case("6.5 SETTINGS on a stream", |_| frame(SETTINGS, 0, 1, &setting(3, 100)), Expect::ConnectionError(P)),
        case(
            "6.5 SETTINGS not of a multiple of 6 bytes",
            |_| frame(SETTINGS, 0, 0, &[0, 0, 0]),
            Expect::ConnectionError(S),
        ),
        case("6.5.2 ENABLE_PUSH of 2", |_| settings(2, 2), Expect::ConnectionError(P)),
        case("6.5.2 INITIAL_WINDOW_SIZE above 2^31-1", |_| settings(4, 1 << 31), Expect::ConnectionError(F)),
        case("6.5.2 MAX_FRAME_SIZE below 2^14", |_| settings(5, 16_383), Expect::ConnectionError(P)),
        case("6.5.2 MAX_FRAME_SIZE above 2^24-1", |_| settings(5, 1 << 24), Expect::ConnectionError(P)),
        case(
            "6.5.2 unknown setting",
            |_| [settings(0xff, 1), frame(PING, 0, 0, b"12345678")].concat(),
            Expect::PingAck(*b"12345678"),
        ),
        case(
            "6.5.3 the last of equal settings counts",
            |_| [frame(SETTINGS, 0, 0, &[setting(4, 100), setting(4, 1)].concat()), get(1)].concat(),
            Expect::DataOf(1),
        ),
        case("6.5.3 SETTINGS are acknowledged", |_| frame(SETTINGS, 0, 0, &[]), Expect::SettingsAck),
    ]
}

fn flow() -> Vec<Case> {
    vec![
        case("6.9 WINDOW_UPDATE of 0 for the connection", |_| window(0, 0), Expect::ConnectionError(P)),
        case("6.9 WINDOW_UPDATE of 0 for a stream", |_| [post(1), window(1, 0)].concat(), Expect::StreamError(P)),
        case(
            "6.9 WINDOW_UPDATE not of 4 bytes",
            |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1]),
            Expect::ConnectionError(S),
        ),
        Case { settings: WINDOW_1, ..case("6.9.1 DATA within the window", |_| get(1), Expect::DataOf(1)) },
        case(
            "6.9.1 window of the connection above 2^31-1",
            |_| [window(0, 0x7fff_ffff), window(0, 0x7fff_ffff)].concat(),
            Expect::ConnectionError(F),
        ),
        case(
            "6.9.1 window of a stream above 2^31-1",
            |_| [post(1), window(1, 0x7fff_ffff), window(1, 0x7fff_ffff)].concat(),
            Expect::StreamError(F),
        ),
        Case {
            settings: WINDOW_0,
            ..case(
                "6.9.2 INITIAL_WINDOW_SIZE changes open streams",
                |_| [get(1), settings(4, 1)].concat(),
                Expect::DataOf(1),
            )
        },
        Case {
            settings: WINDOW_0,
            ..case(
                "6.9.2 a window that was negative",
                |_| [get(1), settings(4, 3), settings(4, 2), window(1, 2)].concat(),
                Expect::Headers(1),
            )
        },
        case("6.9.2 INITIAL_WINDOW_SIZE above 2^31-1", |_| settings(4, 1 << 31), Expect::ConnectionError(F)),
    ]
}

fn exchanges() -> Vec<Case> {
    vec![
        case(
            "8.1 a second HEADERS without END_STREAM",
            |_| [post(1), headers(1, 0, &block(&[("x-a", "b")]))].concat(),
            Expect::StreamError(P),
        ),
        case("8.1.2 upper case in a name", |_| with(&[("X-TEST", "ok")]), Expect::Malformed),
        case("8.1.2.1 unknown pseudo-header", |_| with(&[(":test", "ok")]), Expect::Malformed),
        case("8.1.2.1 pseudo-header of responses", |_| with(&[(":status", "200")]), Expect::Malformed),
        case(
            "8.1.2.1 pseudo-header in trailers",
            |_| [post(1), headers(1, END_STREAM, &block(&[(":method", "200")]))].concat(),
            Expect::Malformed,
        ),
        case(
            "8.1.2.1 pseudo-header after a field",
            |_| only(&[(":method", "GET"), (":scheme", "http"), ("x-test", "ok"), (":path", "/")]),
            Expect::Malformed,
        ),
        case("8.1.2.2 Connection", |_| with(&[("connection", "keep-alive")]), Expect::Malformed),
        case(
            "8.1.2.2 TE of another value than trailers",
            |_| with(&[("trailers", "test"), ("te", "trailers, deflate")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.3 empty path",
            |_| only(&[(":method", "GET"), (":scheme", "http"), (":path", ""), (":authority", "a")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.3 no method",
            |_| only(&[(":scheme", "http"), (":path", "/"), (":authority", "a")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.3 no scheme",
            |_| only(&[(":method", "GET"), (":path", "/"), (":authority", "a")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.3 no path",
            |_| only(&[(":method", "GET"), (":scheme", "http"), (":authority", "a")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.3 method twice",
            |_| only(&[(":method", "GET"), (":method", "POST"), (":scheme", "http"), (":path", "/")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.3 scheme twice",
            |_| only(&[(":method", "GET"), (":scheme", "http"), (":scheme", "http"), (":path", "/")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.3 path twice",
            |_| only(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":path", "/")]),
            Expect::Malformed,
        ),
        case(
            "8.1.2.6 content-length that is not the body's",
            |_| {
                [headers(1, 0, &request_with("POST", &[("content-length", "1")])), frame(DATA, END_STREAM, 1, b"test")]
                    .concat()
            },
            Expect::Malformed,
        ),
        case(
            "8.1.2.6 content-length that is not the body's in several DATA",
            |_| {
                [
                    headers(1, 0, &request_with("POST", &[("content-length", "1")])),
                    frame(DATA, 0, 1, b"test"),
                    frame(DATA, END_STREAM, 1, b"test"),
                ]
                .concat()
            },
            Expect::Malformed,
        ),
        case("7 GOAWAY of an unknown code", |_| frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff]), Expect::Closed),
        case(
            "7 RST_STREAM of an unknown code",
            |_| [headers(1, 0, &request("POST")), frame(RST_STREAM, 0, 1, &[0, 0, 0, 0xff])].concat(),
            Expect::Alive,
        ),
    ]
}

/// Fields of a GET by the static table: `:method GET`, `:scheme http`, `:path /`.
const INDEXED: &[u8] = &[0x82, 0x86, 0x84];

/// A GET with this representation after the usual fields.
fn packed(rest: &[u8]) -> Vec<u8> {
    headers(1, END_STREAM, &[INDEXED, &field(":authority", "test"), rest].concat())
}

/// The same with this before them.
fn packed_after(first: &[u8]) -> Vec<u8> {
    headers(1, END_STREAM, &[first, INDEXED, &field(":authority", "test")].concat())
}

fn hpack() -> Vec<Case> {
    let accepted: [(&'static str, Send); 15] = [
        ("hpack 6.1 indexed field", |_| packed(&[])),
        ("hpack 6.2.1 literal, indexing, indexed name", |_| packed(b"\x7a\x04test")),
        ("hpack 6.2.1 literal, indexing, indexed name, Huffman", |_| packed(b"\x7a\x83\x49\x50\x9f")),
        ("hpack 6.2.1 literal, indexing, new name", |_| packed(b"\x40\x03x-a\x04test")),
        ("hpack 6.2.1 literal, indexing, new name, Huffman", |_| packed(b"\x40\x83\xf2\xb1\x9f\x83\x49\x50\x9f")),
        ("hpack 6.2.2 literal, no indexing, indexed name", |_| packed(b"\x0f\x2b\x04test")),
        ("hpack 6.2.2 literal, no indexing, indexed name, Huffman", |_| packed(b"\x0f\x2b\x83\x49\x50\x9f")),
        ("hpack 6.2.2 literal, no indexing, new name", |_| packed(b"\x00\x03x-a\x04test")),
        ("hpack 6.2.3 literal, never indexed, indexed name", |_| packed(b"\x1f\x2b\x04test")),
        ("hpack 6.2.3 literal, never indexed, indexed name, Huffman", |_| packed(b"\x1f\x2b\x83\x49\x50\x9f")),
        ("hpack 6.2.3 literal, never indexed, new name", |_| packed(b"\x10\x03x-a\x04test")),
        ("hpack 6.3 table size update", |_| packed_after(&[0x30])),
        ("hpack 6.3 table size update of 0", |_| packed_after(&[0x20])),
        ("hpack 6.3 several table size updates", |_| packed_after(&[0x20, 0x30])),
        ("hpack 2.3.2 field of the dynamic table", |_| packed(b"\x40\x03x-a\x04test\xbe")),
    ];
    let refused: [(&'static str, Send); 8] = [
        ("hpack 2.3.3 index beyond the tables", |_| packed(&[0xff, 0x00])),
        ("hpack 2.3.3 name's index beyond the tables", |_| packed(b"\x7f\x01\x04test")),
        ("hpack 4.2 table size update at the end of a block", |_| packed(&[0x20])),
        ("hpack 5.2 Huffman's padding longer than 7 bits", |_| {
            packed(b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")
        }),
        ("hpack 5.2 Huffman's padding of zeros", |_| packed(b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")),
        ("hpack 5.2 Huffman's end-of-string symbol", |_| {
            packed(b"\x00\x85\xf2\xb2\x4a\x84\xff\x88\x49\x52\x4f\xff\xff\xff\xff\x7f")
        }),
        ("hpack 6.1 index 0", |_| packed(&[0x80])),
        ("hpack 6.3 table size update above the limit", |_| packed_after(&[0x3f, 0xe1, 0xff, 0x03])),
    ];
    let accepted = accepted.map(|(name, send)| case(name, send, Expect::Response(1)));
    let refused = refused.map(|(name, send)| case(name, send, Expect::ConnectionError(C)));
    accepted.into_iter().chain(refused).collect()
}
