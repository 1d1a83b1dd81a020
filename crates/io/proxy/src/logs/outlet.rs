//! Where lines end up: a standard stream, a descriptor we were given, a datagram socket.

use balance::config::model::LogAddress;
use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Every line ends with a line feed, in a datagram, too, as HAProxy's do.
pub enum Outlet {
    Stdout,
    Stderr,
    Fd(File),
    Udp(UdpSocket, SocketAddr),
    Unix { path: PathBuf, socket: Mutex<Option<UnixDatagram>> },
}

impl Outlet {
    /// # Errors
    /// Says what could not be opened and why. A unix socket that nobody listens on is no error: its owner may come later.
    pub fn open(address: &LogAddress) -> Result<Self, String> {
        match address {
            LogAddress::Stdout => Ok(Self::Stdout),
            LogAddress::Stderr => Ok(Self::Stderr),
            LogAddress::Fd(number) => crate::process::fds::duplicate(*number)
                .map(|fd| Self::Fd(File::from(fd)))
                .map_err(|error| format!("cannot log to descriptor {number}: {error}")),
            LogAddress::Udp(address) => udp(*address)
                .map(|socket| Self::Udp(socket, *address))
                .map_err(|error| format!("cannot open a socket for logs to {address}: {error}")),
            LogAddress::Unix(path) => Ok(Self::Unix { path: path.clone(), socket: Mutex::new(connect(path).ok()) }),
            LogAddress::Ring(name) => {
                Err(format!("cannot log to 'ring@{name}': rings are not supported, name a socket or a stream instead"))
            }
        }
    }

    /// Sends a line; `false` if it is lost. May wait for the reader of a stream, never for a socket's.
    pub fn send(&self, line: &mut Vec<u8>) -> bool {
        line.push(b'\n');
        match self {
            Self::Stdout => write(io::stdout().lock(), line),
            Self::Stderr => write(io::stderr().lock(), line),
            Self::Fd(file) => write(file, line),
            Self::Udp(socket, address) => socket.send_to(line, address),
            Self::Unix { path, socket } => send_unix(path, socket, line),
        }
        .is_ok()
    }
}

fn write(mut stream: impl Write, line: &[u8]) -> io::Result<usize> {
    stream.write_all(line)?;
    stream.flush()?;
    Ok(line.len())
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr =
        if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn connect(path: &PathBuf) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

/// A syslog daemon that was restarted has another socket under the old name: one new attempt finds it.
fn send_unix(path: &PathBuf, socket: &Mutex<Option<UnixDatagram>>, line: &[u8]) -> io::Result<usize> {
    let mut socket = socket.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(open) = &*socket {
        match open.send(line) {
            Err(error) if is_gone(&error) => {}
            result => return result,
        }
    }
    socket.insert(connect(path)?).send(line)
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected, NotFound};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | NotConnected | BrokenPipe | NotFound)
}
