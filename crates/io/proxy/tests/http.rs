//! http mode over sockets: what a server gets, what a client gets. Each case is a server's script and a client's bytes.

mod start;

use proxy::Engine;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Longer than any step takes, shorter than a person's patience.
const LIMIT: Duration = Duration::from_secs(5);

/// A balancer before one server, both on ports of their own.
struct Scene {
    _engine: Arc<Engine>,
    address: String,
    server: TcpListener,
}

impl Scene {
    /// `lines` go into the `listen` section.
    fn new(lines: &str) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (engine, address) = start::listen(
            "mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s",
            &format!("{lines}\n server s {}", server.local_addr().expect("an address")),
        );
        Self { _engine: engine, address: address.to_string(), server }
    }

    fn client(&self) -> TcpStream {
        patient(TcpStream::connect(&self.address).expect("the balancer listens"))
    }

    /// A server that takes connections in turn: on each it answers requests with these texts, then closes.
    fn serve(&self, connections: Vec<Vec<&'static str>>) -> JoinHandle<Vec<String>> {
        let listener = self.server.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            let mut requests = Vec::new();
            for answers in connections {
                let mut stream = patient(listener.accept().expect("a connection").0);
                for answer in answers {
                    requests.push(read(&mut stream));
                    stream.write_all(answer.as_bytes()).expect("a reader");
                }
            }
            requests
        })
    }
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream
}

/// A head and the body that its length or its chunks promise.
fn read(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !is_whole(&text) {
        let count = stream.read(&mut piece).expect("bytes in time");
        assert!(count > 0, "ended after {text:?}");
        text.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    text
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    match head.split("content-length: ").nth(1) {
        Some(length) => body.len() >= length.split("\r\n").next().and_then(|length| length.parse().ok()).unwrap_or(0),
        None => !head.contains("transfer-encoding: chunked") || body.contains("0\r\n") && body.ends_with("\r\n\r\n"),
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn requests_of_a_connection_share_the_servers() {
    let scene = Scene::new("http-reuse always");
    let server = scene.serve(vec![vec![OK, OK]]);
    let mut client = scene.client();
    for _ in 0..2 {
        client.write_all(GET.as_bytes()).expect("a reader");
        assert_eq!(read(&mut client), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
    assert_eq!(server.join().expect("a server"), ["GET / HTTP/1.1\r\nhost: a\r\n\r\n"; 2]);
}

#[test]
fn a_request_is_repeated_when_an_idle_connection_breaks() {
    let scene = Scene::new("http-reuse always");
    // The second request reaches a server that closes without a word; it is asked again over a new connection.
    let server = scene.serve(vec![vec![OK, ""], vec![OK]]);
    let mut client = scene.client();
    for _ in 0..2 {
        client.write_all(GET.as_bytes()).expect("a reader");
        assert!(read(&mut client).ends_with("ok"));
    }
    assert_eq!(server.join().expect("a server").len(), 3);
}

#[test]
fn chunks_are_written_anew() {
    let scene = Scene::new("option forwardfor");
    let server =
        scene.serve(vec![vec!["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nT: 1\r\n\r\n"]]);
    let mut client = scene.client();
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n3 \nabc\n0\n\n";
    client.write_all(request.as_bytes()).expect("a reader");
    assert!(read(&mut client).ends_with("\r\n\r\n2\r\nok\r\n0\r\nt: 1\r\n\r\n"));
    let expected = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nx-forwarded-for: 127.0.0.1\r\n\r\n\
                    3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(server.join().expect("a server"), [expected]);
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    let scene = Scene::new("option httpclose");
    let server = scene.serve(vec![vec!["nonsense\r\n\r\n"]]);
    let mut client = scene.client();
    client.write_all(GET.as_bytes()).expect("a reader");
    assert!(read(&mut client).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    server.join().expect("a server");
}

#[test]
fn a_connection_becomes_a_tunnel() {
    let scene = Scene::new("timeout tunnel 5s");
    let server = scene.serve(vec![vec![
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello",
        "bye\r\n\r\n",
    ]]);
    let mut client = scene.client();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n").expect("a reader");
    let head = read(&mut client);
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    client.write_all(b"no head\r\n\r\n").expect("a reader");
    assert!(read(&mut client).ends_with("bye\r\n\r\n"));
    assert_eq!(server.join().expect("a server")[1], "no head\r\n\r\n");
}

#[test]
fn the_limit_of_a_listener_makes_clients_wait_and_no_longer() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let scene = Scene::new(&format!("bind {other} maxconn 1"));
    let server = scene.serve(vec![vec![OK], vec![OK]]);
    let connect = || patient(TcpStream::connect(other).expect("the balancer listens"));
    let (mut first, mut second) = (connect(), connect());
    first.write_all(GET.as_bytes()).expect("a reader");
    assert!(read(&mut first).ends_with("ok"));
    second.write_all(GET.as_bytes()).expect("a reader");
    drop(first);
    assert!(read(&mut second).ends_with("ok"));
    drop(second);
    server.join().expect("a server");
}

#[test]
fn a_body_that_is_waited_for_arrives_whole() {
    for lines in ["option http-buffer-request", "http-request wait-for-body time 2s"] {
        let scene = Scene::new(lines);
        let server = scene.serve(vec![vec![OK]]);
        let body: String = (0..150_000).map(|number| format!("{number:06} ")).collect();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut client = scene.client();
        client.write_all(format!("{head}{body}").as_bytes()).expect("a reader");
        assert!(read(&mut client).ends_with("ok"));
        let requests = server.join().expect("a server");
        assert!(requests[0].ends_with(&body), "{lines}: {} bytes", requests[0].len());
    }
}

#[test]
fn rules_do_not_hide_where_a_body_ends() {
    let rule = "http-request del-header content-length\n http-request del-header transfer-encoding\n";
    let scene = Scene::new(&format!("{rule} http-response del-header content-length"));
    let server = scene.serve(vec![vec![OK, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]]);
    let mut client = scene.client();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").expect("a reader");
    assert_eq!(read(&mut client), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    client.write_all(chunked).expect("a reader");
    assert_eq!(read(&mut client), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let expected = [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nhost: a\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ];
    assert_eq!(server.join().expect("a server"), expected);
}

/// While a client is silent nobody on the worker looks at the clock: what follows must not be counted from then.
#[test]
fn a_silent_client_is_no_wait_in_the_queue() {
    let log = UdpSocket::bind("127.0.0.1:0").expect("a port");
    log.set_read_timeout(Some(LIMIT)).expect("a limit");
    let target = log.local_addr().expect("an address");
    let scene = Scene::new(&format!("log {target} format raw local0\n log-format \"%Ti %Tw %Tc\""));
    let server = scene.serve(vec![vec![OK]]);
    let mut client = scene.client();
    std::thread::sleep(Duration::from_millis(400));
    client.write_all(GET.as_bytes()).expect("a reader");
    assert!(read(&mut client).ends_with("ok"));
    server.join().expect("it was asked");
    let mut line = [0; 256];
    let size = log.recv(&mut line).expect("a line");
    let line = String::from_utf8_lossy(&line[..size]);
    let times: Vec<u64> = line.split_whitespace().map(|time| time.parse().expect("milliseconds")).collect();
    assert!(times[0] >= 390 && times[1] < 200 && times[2] < 200, "idle, queue, connect: {line}");
}
