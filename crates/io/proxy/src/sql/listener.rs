//! Where clients come in: `mysql-interfaces`, addresses and paths separated by `;`.

use super::client::handshake::Peer;
use super::client::session::serve;
use super::stream::Stream;
use super::worker::Worker;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};

/// Connections the kernel holds until they are accepted.
const BACKLOG: i32 = 1024;

/// After an accept that failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A socket that listens, to be handed to a worker.
#[derive(Debug)]
pub enum Opened {
    Tcp(OwnedFd),
    Unix(OwnedFd),
}

/// Reads `0.0.0.0:6033;/tmp/proxysql.sock`.
///
/// # Errors
/// Names the part that is neither.
pub fn parse(text: &str) -> Result<Vec<Interface>, String> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

fn one(part: &str) -> Result<Interface, String> {
    if part.starts_with('/') {
        return Ok(Interface::Unix(part.into()));
    }
    let whole = if part.contains(':') { part.to_owned() } else { format!("{part}:6033") };
    whole.parse().map(Interface::Tcp).map_err(|_| format!("'{part}' is neither an address with a port nor a path"))
}

/// One socket for each worker that shares the port.
///
/// # Errors
/// With the interface that cannot be opened.
pub fn open(interface: &Interface, workers: usize) -> io::Result<Vec<Opened>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {interface}: {error}"));
    match interface {
        Interface::Tcp(address) => {
            (0..workers).map(|_| tcp(*address).map(Opened::Tcp)).collect::<io::Result<_>>().map_err(named)
        }
        Interface::Unix(path) => {
            let first = unix(path).map_err(named)?;
            let others = (1..workers).map(|_| first.try_clone()).collect::<io::Result<Vec<_>>>()?;
            Ok(std::iter::once(first).chain(others).map(Opened::Unix).collect())
        }
    }
}

impl std::fmt::Display for Interface {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(out, "{address}"),
            Self::Unix(path) => write!(out, "{}", path.display()),
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A path where nobody listens any more is taken over; one where somebody does is not.
fn unix(path: &Path) -> io::Result<OwnedFd> {
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
        }
        std::fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // As MariaDB's own: who may connect is decided by passwords.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts clients for this worker until the process is to end, except while it is paused.
///
/// # Errors
/// Where the socket cannot be waited for.
pub async fn accept(worker: Rc<Worker>, opened: Opened) -> io::Result<()> {
    let shared = worker.shared.clone();
    tokio::select! {
        ended = accept_unless_paused(worker, opened) => ended,
        () = shared.stop.notified() => Ok(()),
    }
}

/// While it is paused a port is closed, so that clients are refused and may go elsewhere; on a unix socket they wait.
async fn accept_unless_paused(worker: Rc<Worker>, mut opened: Opened) -> io::Result<()> {
    let mut paused = worker.shared.paused.subscribe();
    loop {
        let again = opened.again()?;
        tokio::select! {
            ended = accept_all(worker.clone(), opened) => return ended,
            // Its sender lives as long as the process.
            _ = paused.wait_for(|paused| *paused) => {}
        }
        _ = paused.wait_for(|paused| !*paused).await;
        opened = again.open()?;
    }
}

/// How to listen there once more.
enum Again {
    Tcp(SocketAddr),
    Unix(OwnedFd),
}

impl Opened {
    fn again(&self) -> io::Result<Again> {
        Ok(match self {
            Self::Tcp(socket) => {
                let address = socket2::SockRef::from(socket).local_addr()?;
                Again::Tcp(address.as_socket().ok_or(io::ErrorKind::InvalidInput)?)
            }
            Self::Unix(socket) => Again::Unix(socket.try_clone()?),
        })
    }
}

impl Again {
    fn open(self) -> io::Result<Opened> {
        match self {
            Self::Tcp(address) => tcp(address).map(Opened::Tcp),
            Self::Unix(socket) => Ok(Opened::Unix(socket)),
        }
    }
}

async fn accept_all(worker: Rc<Worker>, opened: Opened) -> io::Result<()> {
    match opened {
        Opened::Tcp(socket) => {
            let listener = TcpListener::from_std(std::net::TcpListener::from(socket))?;
            loop {
                match listener.accept().await {
                    Ok((stream, address)) => {
                        // A client that is gone already fails at its first read.
                        _ = stream.set_nodelay(true);
                        keep_alive(&stream, worker.shared.tuning.load().tcp_keepalive);
                        let peer = Peer::Ip(address.ip().to_canonical(), address.port());
                        tokio::task::spawn_local(serve(worker.clone(), Stream::Tcp(stream), peer));
                    }
                    Err(error) => wait(&error).await,
                }
            }
        }
        Opened::Unix(socket) => {
            let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(socket))?;
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::task::spawn_local(serve(worker.clone(), Stream::Unix(stream), Peer::Unix));
                    }
                    Err(error) => wait(&error).await,
                }
            }
        }
    }
}

/// Has the kernel find out that the other side of a silent connection is gone, after `silence`; not at all where it is 0.
/// What fails here fails at the first read.
pub fn keep_alive(stream: &tokio::net::TcpStream, silence: std::time::Duration) {
    if !silence.is_zero() {
        let wanted = socket2::TcpKeepalive::new().with_time(silence);
        _ = socket2::SockRef::from(stream).set_tcp_keepalive(&wanted);
    }
}

async fn wait(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::WouldBlock) {
        super::log::warn(&format!("cannot accept a client: {error}"));
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn his_interfaces() {
        let all = parse("0.0.0.0:6033;/tmp/proxysql.sock").expect("both are good");
        assert_eq!(all.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0.0.0.0:6033", "/tmp/proxysql.sock"]);
        assert!(parse("nonsense:port").is_err());
    }
}
