//! API servers as processes of their own, the door to them, and its clients.

use balance::health::{CheckVerdict, Which};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proxy::profile::{Door, LocalApi};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const NAME: &str = "kubernetes";

/// Tells the test `member` to be a server: port, certificate and key.
const TOLD: &str = "PROXY_TEST_MEMBER";

/// No new connection may take longer than this, whatever happens to a server.
pub const HANDSHAKE: Duration = Duration::from_millis(1500);

pub struct Member {
    process: Child,
    pub port: u16,
}

impl Member {
    fn start(port: u16, certificate: &str, key: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let process = Command::new(program)
            .args(["member", "--exact", "--nocapture"])
            .env(TOLD, format!("{port}|{certificate}|{key}"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, port }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may be dead already.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Answers checks, says who it is, and echoes lines.
pub fn serve_if_told() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let [port, certificate, key] = told.split('|').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, port) = (acceptor.clone(), port.to_owned());
            tokio::spawn(async move {
                // A client that breaks off is its own affair.
                _ = answer(acceptor, stream, &port).await;
            });
        }
    });
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream, port: &str) -> std::io::Result<()> {
    let mut stream = BufStream::new(acceptor.accept(stream).await?);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line.starts_with("GET /readyz?exclude=") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await?;
            return stream.shutdown().await;
        }
        let answer = if line == "who\n" { format!("{port}\n") } else { line.clone() };
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        line.clear();
    }
    Ok(())
}

pub struct Cluster {
    pub members: Vec<Member>,
    door: Door,
    entry: SocketAddr,
    list: watch::Sender<Vec<SocketAddr>>,
    tls: TlsConnector,
}

impl Cluster {
    /// Three servers that have passed their checks, and the door.
    pub async fn start(rebalance: Option<Duration>) -> Self {
        let (ca, certificate, key) = certificates();
        let members: Vec<Member> = (0..3).map(|_| Member::start(free_port(), &certificate, &key)).collect();
        for member in &members {
            let listens = || TcpListener::bind(("127.0.0.1", member.port)).is_err();
            wait_until(Duration::from_secs(20), listens).await.expect("a server starts");
        }
        let entry = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let addresses = members.iter().map(|member| SocketAddr::from(([127, 0, 0, 1], member.port))).collect();
        let (list, followed) = watch::channel(addresses);
        let profile = balance::profile::LocalApi {
            own: None,
            listen: entry,
            members: vec![],
            ca_pem: ca.clone().into_bytes(),
            server_name: NAME.to_owned(),
            threads: 1,
            stats_socket: None,
            metrics: None,
        };
        let door = LocalApi { profile, members: followed, rebalance }.open().unwrap();
        let cluster = Self { members, door, entry, list, tls: connector(&ca) };
        let passed = || (0..3).all(|place| cluster.passed(place));
        wait_until(Duration::from_secs(10), passed).await.expect("all servers pass a check");
        cluster
    }

    fn server(&self, place: usize) -> Option<Arc<proxy::server::Server>> {
        let name = format!("127.0.0.1:{}", self.members[place].port);
        self.door.engine.running().server(balance::profile::BACKEND, &name)
    }

    pub fn is_known(&self, place: usize) -> bool {
        self.server(place).is_some()
    }

    pub fn is_usable(&self, place: usize) -> bool {
        self.server(place).is_some_and(|server| server.is_usable())
    }

    /// Whether a check has passed since the start; before, servers count as up, too.
    fn passed(&self, place: usize) -> bool {
        let last = |server: &proxy::server::Server| server.health().counter(Which::Health).last.status.verdict();
        self.server(place).is_some_and(|server| last(&server) == CheckVerdict::Passed)
    }

    pub fn sessions(&self, place: usize) -> u64 {
        self.server(place).map_or(0, |server| server.counters.sessions.get())
    }

    pub fn place(&self, port: u16) -> usize {
        self.members.iter().position(|member| member.port == port).unwrap()
    }

    pub fn set_members(&self, places: &[usize]) {
        let address = |place: &usize| SocketAddr::from(([127, 0, 0, 1], self.members[*place].port));
        self.list.send(places.iter().map(address).collect()).unwrap();
    }

    pub fn client(&self) -> Client {
        Client { entry: self.entry, tls: self.tls.clone() }
    }

    pub async fn close(self) {
        tokio::task::spawn_blocking(|| self.door.close()).await.unwrap();
    }
}

#[derive(Clone)]
pub struct Client {
    entry: SocketAddr,
    tls: TlsConnector,
}

pub struct Session {
    stream: BufStream<tokio_rustls::client::TlsStream<TcpStream>>,
    /// The port of the server it came to.
    pub member: u16,
}

impl Client {
    pub async fn open(&self) -> std::io::Result<Session> {
        tokio::time::timeout(Duration::from_secs(10), self.try_open()).await?
    }

    async fn try_open(&self) -> std::io::Result<Session> {
        let stream = TcpStream::connect(self.entry).await?;
        let stream = self.tls.connect(ServerName::try_from(NAME).unwrap(), stream).await?;
        let mut session = Session { stream: BufStream::new(stream), member: 0 };
        session.member = session.ask("who").await?.parse().map_err(std::io::Error::other)?;
        Ok(session)
    }

    pub async fn open_many(&self, count: usize) -> Vec<Session> {
        let mut sessions = vec![];
        for _ in 0..count {
            sessions.push(self.open().await.expect("a session"));
        }
        sessions
    }
}

impl Session {
    async fn ask(&mut self, word: &str) -> std::io::Result<String> {
        self.stream.write_all(format!("{word}\n").as_bytes()).await?;
        self.stream.flush().await?;
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        Ok(line.trim_end().to_owned())
    }

    pub async fn echo(&mut self) {
        assert_eq!(self.ask("still there").await.unwrap(), "still there");
    }

    /// Waits until the other side ends it.
    pub async fn closed(&mut self) {
        // Closed or reset: both are an end.
        _ = self.stream.read_u8().await;
    }
}

/// How long it took; `None` if it did not come true in time.
pub async fn wait_until(limit: Duration, holds: impl Fn() -> bool) -> Option<Duration> {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > limit {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Some(began.elapsed())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An authority, and a certificate with its key for all servers.
fn certificates() -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

fn connector(ca: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
