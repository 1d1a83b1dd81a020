//! Connections that wait for another request: which of them are used again, and what a soft stop makes of them.

mod program;

use bytes::Bytes;
use futures_util::FutureExt;
use h2::client::{ResponseFuture, SendRequest};
use nix::sys::signal::Signal;
use program::{Folder, ask, free_port, wait};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Longer than any step takes.
const LIMIT: Duration = Duration::from_secs(10);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn an_idle_connection_to_an_old_address_is_not_used() {
    for proto in [Proto::H1, Proto::H2] {
        let first = Origin::start(proto, "127.0.0.1:0");
        let second = Origin::start(proto, &format!("127.0.0.2:{}", first.address.port()));
        let third = Origin::start(proto, "127.0.0.2:0");
        let bench = Bench::new("moved", "http-reuse always", &first.server_line());
        let _process = bench.folder.start("");
        let came_to = |origin: &Origin, what: &str| {
            // That the second client's comes over the connection of the first shows that it waits in the pool.
            let answers = [bench.connect().get(), bench.connect().get()];
            assert_eq!(answers, [origin.answer(1), origin.answer(1)], "{proto:?}, {what}");
        };
        came_to(&first, "the file's");
        bench.command("set server b/s addr 127.0.0.2\n");
        came_to(&second, "another address");
        bench.command(&format!("set server b/s addr 127.0.0.2 port {}\n", third.address.port()));
        came_to(&third, "another port");
        // Back again: the connection of before is not kept for that.
        bench.command(&format!("set server b/s addr 127.0.0.1 port {}\n", first.address.port()));
        assert_eq!(bench.connect().get(), first.answer(2), "{proto:?}, back again");
        assert_eq!([first.made(), second.made(), third.made()], [2, 1, 1]);
    }
}

#[test]
fn the_connection_of_one_client_is_not_used_for_another_address() {
    let first = Origin::start(Proto::H1, "127.0.0.1:0");
    let second = Origin::start(Proto::H1, &format!("127.0.0.2:{}", first.address.port()));
    let bench = Bench::new("private", "http-reuse never", &first.server_line());
    let _process = bench.folder.start("");
    let mut client = bench.connect();
    assert_eq!([client.get(), client.get()], [first.answer(1), first.answer(1)]);
    bench.command("set server b/s addr 127.0.0.2\n");
    assert_eq!(client.get(), second.answer(1));
}

#[test]
fn a_connection_of_http2_that_is_never_reused_ends_with_its_request() {
    let origin = Origin::start(Proto::H2, "127.0.0.1:0");
    let bench = Bench::new("never", "http-reuse never", &origin.server_line());
    let _process = bench.folder.start("");
    let mut clients = [bench.connect(), bench.connect()];
    let mut had = Vec::new();
    for _ in 0..2 {
        // Both are on their way before either is read.
        clients.iter_mut().for_each(Client::ask);
        had.extend(clients.each_mut().map(Client::answer));
    }
    had.sort();
    let own: Vec<_> = (1..=4).map(|number| origin.answer(number)).collect();
    assert_eq!(had, own);
    // What nobody may use waits on no shelf: neither client has gone yet.
    wait("the end of the server's connections", || origin.open() == 0);
    drop(clients);
}

#[test]
fn a_soft_stop_lets_requests_of_http2_finish_and_then_says_goodbye() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::new("goodbye", "", &format!("server s {}", server.local_addr().unwrap()));
    let mut process = bench.folder.start("");
    runtime().block_on(async {
        let (mut idle, mut busy) = (H2Client::connect(bench.port).await, H2Client::connect(bench.port).await);
        let response = idle.ask();
        half_answer(&server).write_all(b"second").unwrap();
        assert_eq!(rest(&mut response.await.unwrap().into_body()).await, "first second");
        let response = busy.ask();
        let mut stream = half_answer(&server);
        let mut body = response.await.unwrap().into_body();
        assert_eq!(piece(&mut body).await.as_deref(), Some("first "));
        process.signal(Signal::SIGUSR1);
        wait("the word", || process.said().contains("Proxy f stopped"));
        // One does not wait for the other.
        idle.is_sent_away("idle").await;
        stream.write_all(b"second").unwrap();
        assert_eq!(rest(&mut body).await, "second");
        busy.is_sent_away("busy").await;
        // Neither client has closed anything of its own accord.
        assert_eq!(process.code(), Some(0));
    });
}

#[test]
fn a_request_of_http2_after_a_soft_stop_is_the_last() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = Bench::new("last", "", &format!("server s {}", server.local_addr().unwrap()));
    let mut process = bench.folder.start("");
    runtime().block_on(async {
        let mut client = H2Client::connect(bench.port).await;
        let early = client.ask();
        let mut streams = vec![half_answer(&server)];
        process.signal(Signal::SIGUSR1);
        wait("the word", || process.said().contains("Proxy f stopped"));
        // It was on its way before the client could know.
        let late = client.ask();
        streams.push(half_answer(&server));
        let refused = || client.send.clone().ready().now_or_never().and_then(Result::err);
        wait("the word to the client", || refused().is_some_and(|error| error.is_go_away()));
        streams.iter_mut().for_each(|stream| stream.write_all(b"second").unwrap());
        for response in [early, late] {
            assert_eq!(rest(&mut response.await.unwrap().into_body()).await, "first second");
        }
        client.is_sent_away("busy").await;
        assert_eq!(process.code(), Some(0));
    });
}

/// A folder with a configuration of one server, and the port to it.
struct Bench {
    folder: Folder,
    port: u16,
}

impl Bench {
    /// One worker, because each has a pool of its own. The longest timeouts, so that none ends what a test waits for.
    fn new(name: &str, lines: &str, server: &str) -> Self {
        let folder = Folder::new(&format!("pools-{name}"));
        let port = free_port();
        let config = format!(
            "global
    nbthread 1
    stats socket {} level admin
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    {lines}
    {server}
",
            folder.path("stats.sock").display()
        );
        folder.write(&config);
        Self { folder, port }
    }

    fn command(&self, command: &str) -> String {
        ask(&self.folder.path("stats.sock"), command)
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Client(BufReader::new(stream))
    }
}

/// A client of HTTP/1.
struct Client(BufReader<TcpStream>);

impl Client {
    fn ask(&mut self) {
        self.0.get_mut().write_all(REQUEST).unwrap();
    }

    /// The body, which is one line.
    fn answer(&mut self) -> String {
        let mut lines = self.0.by_ref().lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 200 OK"));
        lines.by_ref().find(String::is_empty).unwrap();
        lines.next().unwrap()
    }

    fn get(&mut self) -> String {
        self.ask();
        self.answer()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Proto {
    H1,
    H2,
}

/// A server that answers who it is, and over which of its connections.
struct Origin {
    proto: Proto,
    address: SocketAddr,
    count: Arc<Count>,
}

#[derive(Default)]
struct Count {
    made: AtomicUsize,
    open: AtomicUsize,
}

impl Origin {
    fn start(proto: Proto, address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let (address, count) = (listener.local_addr().unwrap(), Arc::new(Count::default()));
        let counted = count.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = counted.made.fetch_add(1, SeqCst) + 1;
                counted.open.fetch_add(1, SeqCst);
                let counted = counted.clone();
                std::thread::spawn(move || {
                    // Whoever breaks off has what they wanted.
                    _ = match proto {
                        Proto::H1 => serve_h1(stream, &line(address, number)),
                        Proto::H2 => serve_h2(stream, &line(address, number)).map_err(std::io::Error::other),
                    };
                    counted.open.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { proto, address, count }
    }

    fn server_line(&self) -> String {
        let proto = if self.proto == Proto::H2 { "proto h2" } else { "" };
        // No connection goes because it has waited long enough.
        format!("server s {} pool-purge-delay 1h {proto}", self.address)
    }

    /// What it answers over its connection of this number.
    fn answer(&self, number: usize) -> String {
        line(self.address, number).trim_end().to_owned()
    }

    fn made(&self) -> usize {
        self.count.made.load(SeqCst)
    }

    fn open(&self) -> usize {
        self.count.open.load(SeqCst)
    }
}

fn line(address: SocketAddr, number: usize) -> String {
    format!("{address}, connection {number}\n")
}

fn serve_h1(stream: TcpStream, line: &str) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{line}", line.len());
    while stream.by_ref().lines().map_while(Result::ok).any(|line| line.is_empty()) {
        stream.get_mut().write_all(answer.as_bytes())?;
    }
    Ok(())
}

fn serve_h2(stream: TcpStream, line: &str) -> Result<(), h2::Error> {
    stream.set_nonblocking(true).unwrap();
    runtime().block_on(async {
        let mut connection = h2::server::handshake(tokio::net::TcpStream::from_std(stream).unwrap()).await?;
        while let Some(accepted) = connection.accept().await {
            let mut respond = accepted?.1;
            let head = http::Response::builder().header("content-length", line.len()).body(()).unwrap();
            respond.send_response(head, false)?.send_data(Bytes::from(line.to_owned()), true)?;
        }
        Ok(())
    })
}

/// A request that came to this server, of whose answer the half is on its way.
fn half_answer(server: &TcpListener) -> TcpStream {
    let mut stream = server.accept().unwrap().0;
    assert!(BufReader::new(&stream).lines().map(Result::unwrap).any(|line| line.is_empty()));
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nfirst ").unwrap();
    stream
}

/// A client of HTTP/2 that closes nothing by itself.
struct H2Client {
    send: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl H2Client {
    async fn connect(port: u16) -> Self {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        Self { send, connection: tokio::spawn(connection) }
    }

    fn ask(&mut self) -> ResponseFuture {
        let request = http::Request::get("http://a/").body(()).unwrap();
        self.send.send_request(request, true).unwrap().0
    }

    /// The balancer ends the connection, and says that it takes no more requests.
    async fn is_sent_away(&mut self, who: &str) {
        let ended =
            tokio::time::timeout(LIMIT, &mut self.connection).await.unwrap_or_else(|_| panic!("{who}: it goes on"));
        ended.unwrap().unwrap();
        let refused = self.send.clone().ready().await.expect_err("no more streams");
        assert!(refused.is_go_away() && refused.is_remote(), "{who}: {refused:?}");
        assert_eq!(refused.reason(), Some(h2::Reason::NO_ERROR));
    }
}

async fn piece(body: &mut h2::RecvStream) -> Option<String> {
    let piece = tokio::time::timeout(LIMIT, body.data()).await.expect("a piece in time")?.unwrap();
    Some(String::from_utf8(piece.to_vec()).unwrap())
}

async fn rest(body: &mut h2::RecvStream) -> String {
    let mut text = String::new();
    while let Some(piece) = piece(body).await {
        text.push_str(&piece);
    }
    text
}

/// With a thread of its own for connections, so that a test may block.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
