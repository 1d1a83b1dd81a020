//! What can go wrong with the node's network.

use netplan::{Cidr, PodKey};
use std::io;
use std::path::PathBuf;

/// Says what did not happen; nothing half done is left behind unless the text says so.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("pod range {range} has no free address ({used} in use); delete pods or give the node a larger range")]
    NoAddress { range: Cidr, used: usize },
    #[error("failed to {what}")]
    Kernel { what: String, source: io::Error },
    #[error("failed to {what} {}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{} holds no WireGuard key; remove it, and the node makes itself another at the next start", path.display())]
    BadKey { path: PathBuf },
    #[error("cannot listen on UDP port {port} for WireGuard; is something else using it? `ss -ulnp` tells")]
    WireGuardBind { port: u16, source: io::Error },
    #[error("cannot open the TUN device {name} by /dev/net/tun; does the kernel have it (`modprobe tun`)?")]
    Tun { name: String, source: io::Error },
    #[error("pod {pod} has the uid {:?}, which cannot be a file name", pod.uid)]
    BadUid { pod: PodKey },
    #[error("nft refused the rules: {stderr}")]
    Nft { stderr: String },
    #[error("nft could not be run; install the package nftables")]
    NoNft { source: io::Error },
    #[error("cannot answer DNS on {address}; another server holds port 53 of all addresses: let it listen on its own")]
    DnsBind { address: std::net::SocketAddr, source: io::Error },
}

impl NetworkError {
    pub(crate) fn kernel(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Kernel { what, source }
    }

    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
