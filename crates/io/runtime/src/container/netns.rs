//! Connections inside a pod's network namespace.

use nix::sched::CloneFlags;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Loopback answers at once; a full accept queue may take a moment.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to a loopback port within the namespace. A thread of its own enters it and ends, so that no thread that
/// others use is ever in a pod. Blocks.
pub fn dial(namespace: &Path, port: u16) -> io::Result<TcpStream> {
    let file = File::open(namespace)?;
    let connect = move || -> io::Result<TcpStream> {
        nix::sched::setns(file, CloneFlags::CLONE_NEWNET)?;
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&v4, CONNECT_TIMEOUT)
            .or_else(|first| TcpStream::connect_timeout(&v6, CONNECT_TIMEOUT).map_err(|_| first))?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    let thread = std::thread::Builder::new().name("pod-dial".into()).spawn(connect)?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the connecting thread failed")))
}
