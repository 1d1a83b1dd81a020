//! Sockets as `bind` and `server` lines want them.

use crate::server::Target;
use crate::stream::{Nagle, Stream};
use balance::config::model::{Bind, Keepalive, Listen, Source, UnixOwner};
use nix::unistd::{Gid, Group, Uid, User, chown};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// Connections the kernel holds for us until we accept them, where nothing else is said. The kernel takes less if
/// `net.core.somaxconn` is lower.
const BACKLOG: u32 = 4096;

/// Names of unix sockets for the time being that this process has given.
static FRESH: AtomicU32 = AtomicU32::new(0);

/// Sockets that listen.
#[derive(Debug)]
pub struct Opened {
    pub sockets: Vec<OwnedFd>,
    /// Of a unix socket: to be put at its path.
    pub fresh: Option<Fresh>,
}

/// A unix socket under a name for the time being, which is removed if it never takes its place: so a configuration that
/// is not put in force takes nobody's.
#[derive(Debug)]
pub struct Fresh {
    name: PathBuf,
    path: PathBuf,
}

impl Fresh {
    /// In one step, so that there is always a socket to connect to.
    ///
    /// # Errors
    /// The system's.
    pub fn take_place(self) -> io::Result<()> {
        std::fs::rename(&self.name, &self.path)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // Not there, if it took its place.
        _ = std::fs::remove_file(&self.name);
    }
}

/// Opens sockets for an address: one for each worker where the kernel can share a port among sockets, else one.
///
/// # Errors
/// The system's, of whatever step failed.
pub fn listen(listen: &Listen, bind: &Bind, backlog: Option<u32>, workers: usize) -> io::Result<Opened> {
    let backlog = bind.backlog.or(backlog).unwrap_or(BACKLOG).min(i32::MAX as u32) as i32;
    let sockets = match listen {
        Listen::Ip(address) => (0..workers).map(|_| listen_tcp(*address, bind, backlog)).collect::<io::Result<_>>()?,
        Listen::Unix(path) => return listen_unix_path(path, &bind.owner, backlog),
        Listen::Abstract(name) => {
            let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
            socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
            socket.listen(backlog)?;
            vec![socket.into()]
        }
        Listen::Fd(number) => vec![inherited(*number)?],
    };
    Ok(Opened { sockets, fresh: None })
}

fn listen_tcp(address: SocketAddr, bind: &Bind, backlog: i32) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!bind.v4v6 || bind.v6only)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if let Some(interface) = &bind.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if bind.transparent {
        match address {
            SocketAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
            SocketAddr::V6(_) => return Err(io::Error::other("'transparent' is for IPv4 addresses")),
        }
    }
    if let Some(mss) = bind.mss.and_then(|mss| u32::try_from(mss).ok()) {
        socket.set_tcp_mss(mss)?;
    }
    if bind.tcp_user_timeout.is_some() {
        socket.set_tcp_user_timeout(bind.tcp_user_timeout)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn listen_unix_path(path: &Path, owner: &UnixOwner, backlog: i32) -> io::Result<Opened> {
    if path.is_dir() {
        return Err(io::Error::from_raw_os_error(nix::libc::EISDIR));
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    let number = FRESH.fetch_add(1, Relaxed);
    let name = path.with_extension(format!("{}.{number}.tmp", std::process::id()));
    // A process of the same number that was killed may have left it.
    _ = std::fs::remove_file(&name);
    socket.bind(&SockAddr::unix(&name)?)?;
    let fresh = Fresh { name, path: path.to_owned() };
    own(&fresh.name, owner)?;
    socket.listen(backlog)?;
    Ok(Opened { sockets: vec![socket.into()], fresh: Some(fresh) })
}

fn own(path: &Path, owner: &UnixOwner) -> io::Result<()> {
    if let Some(mode) = owner.mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    let user = owner.user.as_deref().map(|name| {
        User::from_name(name)?
            .map(|user| user.uid)
            .ok_or_else(|| io::Error::other(format!("there is no user '{name}'")))
    });
    let group = owner.group.as_deref().map(|name| {
        let group = Group::from_name(name)?.map(|group| group.gid);
        group.ok_or_else(|| io::Error::other(format!("there is no group '{name}'")))
    });
    let user = user.transpose()?.or(owner.uid.map(Uid::from_raw));
    let group = group.transpose()?.or(owner.gid.map(Gid::from_raw));
    if user.is_some() || group.is_some() {
        chown(path, user, group)?;
    }
    Ok(())
}

/// A copy of a descriptor that this process was started with.
fn inherited(number: i32) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{number}");
    if !Path::new(&path).exists() {
        return Err(io::Error::other(format!("there is no descriptor {number} in this process")));
    }
    let process = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())?;
    let copy = rustix::process::pidfd_getfd(process, number, rustix::process::PidfdGetfdFlags::empty())?;
    SockRef::from(&copy).set_nonblocking(true)?;
    Ok(copy)
}

/// What a connection to a server starts with.
#[derive(Debug, Clone, Default)]
pub struct Dial<'a> {
    pub source: Option<&'a Source>,
    pub keepalive: Option<TcpKeepalive>,
    pub user_timeout: Option<Duration>,
    /// Something is written as soon as the connection stands.
    pub speaks_first: bool,
}

/// Connects; the caller sets the limit in time.
///
/// # Errors
/// The system's: `ECONNREFUSED` and its like.
pub async fn connect(target: &Target, dial: &Dial<'_>) -> io::Result<Stream> {
    match target {
        Target::Ip(address) => {
            let socket = Socket::new(Domain::for_address(*address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
            if let Some(source) = dial.source {
                bind_source(&socket, source)?;
            }
            tune(&socket, dial.keepalive.as_ref(), dial.user_timeout)?;
            if dial.speaks_first {
                // The end of the handshake may travel with what is written first (tcp(7)): one packet less, and the
                // server wakes up once. It holds for the handshake only.
                socket.set_tcp_quickack(false)?;
            }
            Ok(Stream::Tcp(connect_tcp(socket, *address).await?, Nagle::Fresh))
        }
        Target::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
        Target::Abstract(name) => Ok(Stream::Unix(UnixStream::connect(format!("\0{name}")).await?)),
    }
}

/// As the runtime's own connect, but the kernel is asked for an error only where it has told that there is one.
async fn connect_tcp(socket: Socket, address: SocketAddr) -> io::Result<TcpStream> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let stream = TcpStream::from_std(socket.into())?;
    let ready = stream.ready(Interest::WRITABLE).await?;
    match ready.is_write_closed() {
        true => stream.take_error()?.map_or(Ok(stream), Err),
        false => Ok(stream),
    }
}

fn bind_source(socket: &Socket, source: &Source) -> io::Result<()> {
    if let Some(interface) = &source.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    if source.address.port() > 0 {
        socket.set_reuse_address(true)?;
    }
    let mut address = source.address;
    let mut result = socket.bind(&address.into());
    while result.is_err() && address.port() < source.last_port {
        address.set_port(address.port() + 1);
        result = socket.bind(&address.into());
    }
    result
}

/// Probes of the kernel for `option clitcpka`, `option srvtcpka`, with the times that are set; others are the system's.
pub fn keepalive(wanted: bool, times: &Keepalive) -> Option<TcpKeepalive> {
    let mut keepalive = TcpKeepalive::new();
    if let Some(idle) = times.idle {
        keepalive = keepalive.with_time(idle);
    }
    if let Some(interval) = times.interval {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(count) = times.count {
        keepalive = keepalive.with_retries(count);
    }
    wanted.then_some(keepalive)
}

/// Keep-alive probes and the patience with unacknowledged data, on a socket of either side.
///
/// # Errors
/// The system's.
pub fn tune(socket: &impl AsFd, keepalive: Option<&TcpKeepalive>, user_timeout: Option<Duration>) -> io::Result<()> {
    if keepalive.is_none() && user_timeout.is_none() {
        return Ok(());
    }
    let socket = socket.as_fd();
    let socket = SockRef::from(&socket);
    if let Some(keepalive) = keepalive {
        socket.set_tcp_keepalive(keepalive)?;
    }
    if user_timeout.is_some() {
        socket.set_tcp_user_timeout(user_timeout)?;
    }
    Ok(())
}

/// Type of service and firewall mark of packets to the client, as rules asked for.
pub fn mark(stream: &Stream, tos: Option<u8>, mark: Option<u32>) {
    let fd = stream.socket();
    let socket = SockRef::from(&fd);
    // Refused without CAP_NET_ADMIN, and for sockets that are gone: the traffic matters more.
    if let Some(tos) = tos {
        _ = socket.set_tos_v4(u32::from(tos));
    }
    if let Some(mark) = mark {
        _ = socket.set_mark(mark);
    }
}

/// Ends a connection so that the client does not notice: the reset that closing sends dies on its first hop.
pub fn drop_silently(stream: &Stream) {
    let fd = stream.socket();
    let socket = SockRef::from(&fd);
    // A unix socket has no hops: its client sees the end.
    _ = socket.set_ttl_v4(1);
    _ = socket.set_unicast_hops_v6(1);
    stream.reset_on_close();
}
