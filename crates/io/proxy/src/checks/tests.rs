//! Checks against small servers on loopback: status and text as HAProxy 2.6 gives them for the same servers.

use super::probe::{self, Kept, Patience};
use super::route::{Route, Tls};
use super::{agent, watch};
use crate::disk::Disk;
use crate::logs::Logs;
use crate::server::Target;
use crate::tls::{Connector, Store};
use crate::{Engine, Setup};
use balance::check::{About, Check, Connect, Dialogue};
use balance::config::model::{
    Capability, Config, Place, Placed, Port, Proxy, Server, ServerHost, SslDefaults, TlsSettings, Verify,
};
use balance::health::{Outcome, Which};
use balance::pattern::Library;
use balance::proxy_protocol::SendProxy;
use balance::sample::Env;
use expect_test::{Expect, expect};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// What a server does with each connection.
#[derive(Clone, Copy)]
enum Does {
    /// Nothing, for ever.
    Hang,
    Close,
    Reset,
    /// Says this and closes.
    Say(&'static [u8]),
    /// Reads, says this and closes.
    Answer(&'static [u8]),
    ResetAfterReading,
}

async fn serve(does: Does) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(act(stream, does));
        }
    });
    address
}

async fn act(mut stream: TcpStream, does: Does) {
    let mut piece = [0; 1024];
    match does {
        Does::Hang => std::future::pending().await,
        Does::Close => {
            stream.shutdown().await.unwrap();
            // Closing with something unread would be a reset.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Does::Reset => stream.set_zero_linger().unwrap(),
        Does::Say(text) => stream.write_all(text).await.unwrap(),
        Does::Answer(text) => {
            _ = stream.read(&mut piece).await;
            stream.write_all(text).await.unwrap();
        }
        Does::ResetAfterReading => {
            _ = stream.read(&mut piece).await;
            stream.set_zero_linger().unwrap();
        }
    }
}

/// Nobody listens there.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Its backlog is full: whoever connects waits.
async fn full() -> (SocketAddr, Vec<TcpStream>, TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(50), TcpStream::connect(address)).await {
        held.push(stream.unwrap());
    }
    (address, held, listener)
}

fn place() -> Place {
    Place { file: "test".into(), line: 1 }
}

/// A backend with these lines of checks.
fn backend(lines: &str) -> Proxy {
    let line = |line: &str| Placed {
        place: place(),
        words: line.split(' ').map(str::to_owned).collect::<Vec<_>>().into(),
        value: (),
    };
    let check = lines.lines().map(line).collect();
    Proxy { check, ..Proxy::new("b", Capability::Backend, place()) }
}

fn patience() -> Patience {
    Patience { inter: Duration::from_millis(200), connect: None, check: None }
}

async fn probe(lines: &str, address: SocketAddr, encrypted: bool) -> Outcome {
    probe_with(&mut None, lines, address, encrypted).await
}

/// With the connection that an earlier check left.
async fn probe_with(kept: &mut Option<Kept>, lines: &str, address: SocketAddr, encrypted: bool) -> Outcome {
    let patterns = Library::default();
    let check = Check::read(&backend(lines), Env { files: &Disk, patterns: &patterns }).unwrap();
    let settings = TlsSettings { verify: Some(Verify::None), ..TlsSettings::default() };
    let connector = Connector::build(&Store::default(), &settings, &SslDefaults::default(), false, &Disk).unwrap();
    let connector = Arc::new(connector);
    let check = Arc::new(check);
    let dialogue = || Dialogue::new(check.clone(), About { running: true, ..About::default() });
    let route = |connect: &Connect| Route {
        target: Some(Target::Ip(connect.port.map_or(address, |port| SocketAddr::new(address.ip(), port)))),
        source: None,
        tls: encrypted.then(|| Tls { connector: connector.clone(), sni: None, verifies_host: false }),
        h2: connect.h2,
        proxy_header: connect.send_proxy.then_some(SendProxy { v1: true, ..SendProxy::default() }),
        reuse: true,
    };
    probe::run(&dialogue, patience(), &route, kept).await
}

#[track_caller]
fn told(outcome: &Outcome, expected: Expect) {
    expected.assert_eq(format!("{} {}", outcome.status.code(), outcome.info).trim());
}

/// Runs a test as the control thread runs checks.
fn on_control_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

#[test]
fn connections() {
    on_control_thread(async {
        told(&probe("", serve(Does::Hang).await, false).await, expect!["L4OK"]);
        told(&probe("", nowhere().await, false).await, expect!["L4CON Connection refused"]);
        let full = full().await;
        told(&probe("", full.0, false).await, expect!["L4TOUT"]);
    });
}

#[test]
fn http() {
    on_control_thread(async {
        for (does, expected) in [
            (Does::Answer(b"HTTP/1.0 200 OK\r\n\r\n"), expect!["L7OK"]),
            (Does::Answer(b"HTTP/1.0 404 Not Found\r\n\r\n"), expect!["L7STS Not Found"]),
            (Does::Answer(b"HTTP/1.0 503 Service Unavailable\r\n\r\n"), expect!["L7STS Service Unavailable"]),
            (Does::Answer(b"SSH-2.0-x\r\n"), expect!["L7RSP"]),
            (Does::Hang, expect!["L7TOUT"]),
            (Does::Close, expect!["L7RSP"]),
            (Does::Reset, expect!["SOCKERR Connection reset by peer"]),
            (Does::ResetAfterReading, expect!["SOCKERR Connection reset by peer"]),
        ] {
            told(&probe("option httpchk GET /", serve(does).await, false).await, expected);
        }
        told(&probe("option httpchk", nowhere().await, false).await, expect!["L4CON Connection refused"]);
    });
}

/// Answers as many requests on each connection, whatever they say, then hangs or closes. How many connections it had.
async fn serve_many(answer: &'static [u8], requests: usize, then: Does) -> (SocketAddr, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Rc::new(Cell::new(0)));
    let connections = Rc::clone(&count);
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.set(count.get() + 1);
            tokio::task::spawn_local(async move {
                let mut piece = [0; 1024];
                for _ in 0..requests {
                    if stream.read(&mut piece).await.unwrap_or(0) == 0 {
                        return;
                    }
                    stream.write_all(answer).await.unwrap();
                }
                act(stream, then).await;
            });
        }
    });
    (address, connections)
}

const KEPT: &str = "option httpchk\nhttp-check send meth GET uri /readyz ver HTTP/1.1 hdr Connection keep-alive";
const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn a_connection_is_left_to_the_next_check() {
    on_control_thread(async {
        let (address, connections) = serve_many(WHOLE, 5, Does::Hang).await;
        let mut kept = None;
        for _ in 0..5 {
            told(&probe_with(&mut kept, KEPT, address, false).await, expect!["L7OK"]);
        }
        assert_eq!(connections.get(), 1);
        told(&probe_with(&mut kept, KEPT, address, false).await, expect!["L7TOUT"]);
        told(&probe_with(&mut kept, KEPT, address, false).await, expect!["L7OK"]);
        assert_eq!(connections.get(), 2, "one that was silent is not asked again");
    });
}

#[test]
fn a_kept_connection_that_ended_says_nothing_of_the_server() {
    on_control_thread(async {
        for then in [Does::Close, Does::Reset] {
            let (address, connections) = serve_many(WHOLE, 1, then).await;
            let mut kept = None;
            for _ in 0..3 {
                told(&probe_with(&mut kept, KEPT, address, false).await, expect!["L7OK"]);
            }
            assert_eq!(connections.get(), 3);
        }
        let mut kept = None;
        let (address, _) = serve_many(WHOLE, 1, Does::Close).await;
        told(&probe_with(&mut kept, KEPT, address, false).await, expect!["L7OK"]);
        told(&probe_with(&mut kept, KEPT, nowhere().await, false).await, expect!["L4CON Connection refused"]);
    });
}

#[test]
fn what_is_not_whole_or_says_close_is_not_kept() {
    on_control_thread(async {
        for answer in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\n\r\nok",
            b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ] {
            let (address, _) = serve_many(answer, 1, Does::Hang).await;
            let mut kept = None;
            told(&probe_with(&mut kept, KEPT, address, false).await, expect!["L7OK"]);
            assert!(kept.is_none(), "{}", String::from_utf8_lossy(answer));
        }
    });
}

#[test]
fn banners() {
    on_control_thread(async {
        let lines = "option tcp-check\ntcp-check expect string +OK";
        for (does, expected) in [
            (Does::Say(b"+OK pop\r\n"), expect!["L7OK (tcp-check)"]),
            (Does::Say(b"-ERR\r\n"), expect!["L7RSP TCPCHK did not match content '+OK' at step 1"]),
            (Does::Close, expect!["L7RSP TCPCHK got an empty response at step 1"]),
            (Does::Hang, expect!["L7TOUT  at step 1 of tcp-check (expect string '+OK')"]),
        ] {
            told(&probe(lines, serve(does).await, false).await, expected);
        }
    });
}

#[test]
fn broken_tls() {
    on_control_thread(async {
        told(&probe("", serve(Does::Say(b"SSH-2.0\r\n")).await, true).await, expect!["L6RSP SSL handshake failure"]);
        told(&probe("", serve(Does::Close).await, true).await, expect!["L6RSP SSL handshake failure"]);
        told(&probe("", serve(Does::Hang).await, true).await, expect!["L6TOUT"]);
        told(&probe("", nowhere().await, true).await, expect!["L4CON Connection refused"]);
    });
}

/// A server of HTTP/2 that answers each request with this status and body.
async fn serve_h2(status: u16, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let path = request.uri().path().to_owned();
                    let head = http::Response::builder().status(status).header("x-path", path).body(()).unwrap();
                    respond.send_response(head, false).unwrap().send_data(body.into(), true).unwrap();
                }
            });
        }
    });
    address
}

#[test]
fn http2() {
    on_control_thread(async {
        let check = "option httpchk GET /ready\nhttp-check connect proto h2\n";
        for (status, more, expected) in [
            (200, "", expect!["L7OK"]),
            (503, "", expect!["L7STS"]),
            (200, "http-check expect string fine", expect!["L7OK"]),
            (200, "http-check expect string bad", expect!["L7RSP HTTP content check did not match"]),
            (200, "http-check expect hdr name x-path value /ready", expect!["L7OK"]),
        ] {
            let lines = format!("{check}{more}");
            told(&probe(lines.trim_end(), serve_h2(status, "all is fine").await, false).await, expected);
        }
        told(&probe(check.trim_end(), serve(Does::Hang).await, false).await, expect!["L7TOUT"]);
    });
}

#[test]
fn proxy_header_tells_our_own_ends() {
    on_control_thread(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, peer) = listener.accept().await.unwrap();
            let mut piece = [0; 200];
            let count = stream.read(&mut piece).await.unwrap();
            let line = String::from_utf8_lossy(&piece[..count]).into_owned();
            (line, format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", peer.port(), address.port()))
        };
        let check = probe("option tcp-check\ntcp-check connect send-proxy\ntcp-check send hello", address, false);
        let (_, (line, expected)) = tokio::join!(check, server);
        assert!(line.starts_with(&expected), "{line:?} {expected:?}");
    });
}

#[test]
fn agents() {
    on_control_thread(async {
        let ask = async |address| agent::ask(&Target::Ip(address), b"", patience()).await;
        let answer = ask(serve(Does::Say(b"up 50%\n")).await).await.unwrap();
        assert_eq!(answer.weight.as_deref(), Some("50%"));
        told(&ask(nowhere().await).await.unwrap_err(), expect!["L4CON Connection refused"]);
        told(&ask(serve(Does::Hang).await).await.unwrap_err(), expect!["L7TOUT"]);
        let empty = expect!["L7RSP TCPCHK got an empty response at step 2"];
        told(&ask(serve(Does::Close).await).await.unwrap_err(), empty);
        let incomplete = expect!["L7TOUT Ignoring incomplete line from agent"];
        told(&ask(serve(Does::Say(b"up")).await).await.unwrap_err(), incomplete);
    });
}

/// An engine with one backend of these servers, each checked every 100 ms.
fn engine(servers: Vec<Server>) -> Arc<Engine> {
    let mut proxy = backend("");
    proxy.id = 2;
    proxy.servers = servers.into_iter().map(Arc::new).collect();
    let config = Config { proxies: vec![Arc::new(proxy)], ..Config::default() };
    let (logs, _sender) = Logs::start().unwrap();
    let setup = Setup::load(Arc::new(config), &Disk, &logs, None).unwrap();
    Engine::start(setup, logs).unwrap()
}

fn checked(name: &str, address: SocketAddr) -> Server {
    let mut server = Server {
        name: name.into(),
        host: ServerHost::Ip(address.ip()),
        port: Port::Fixed(address.port()),
        checked: true,
        ..Server::default()
    };
    (server.check.inter, server.check.rise, server.check.fall) = (Duration::from_millis(100), 1, 1);
    server
}

#[test]
fn a_server_goes_down_comes_back_and_is_followed() {
    on_control_thread(async {
        let address = nowhere().await;
        let follower =
            Server { track: Some((None, "s".into())), checked: false, name: "t".into(), ..checked("t", address) };
        let engine = engine(vec![checked("s", address), follower]);
        let backend = engine.running().backend("b").cloned().unwrap();
        let (server, follower) = (backend.server("s").unwrap(), backend.server("t").unwrap());
        assert_eq!(backend.usable_servers(), 2);
        tokio::task::spawn_local(watch::run(engine.clone()));
        let wait = async |up: bool| {
            while server.is_usable() != up {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait(false)).await.unwrap();
        assert!(!follower.is_usable() && backend.usable_servers() == 0 && backend.downs.get() == 1);
        assert_eq!(server.health().counter(Which::Health).last.info, "Connection refused");
        let _listener = TcpListener::bind(address).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), wait(true)).await.unwrap();
        assert!(follower.is_usable() && backend.usable_servers() == 2);
    });
}
