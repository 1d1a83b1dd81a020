//! Telling the service manager how we are (`sd_notify(3)`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A way to the manager, if there is one. Opened before a chroot.
#[derive(Debug)]
pub struct Manager(Option<UnixDatagram>);

impl Manager {
    /// The one that `NOTIFY_SOCKET` names.
    pub fn find() -> Self {
        let name = std::env::var("NOTIFY_SOCKET").unwrap_or_default();
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let connect = |address: SocketAddr| {
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address).map(|()| socket)
        };
        Self((!name.is_empty()).then_some(address).and_then(|address| address.and_then(connect).ok()))
    }

    pub fn ready(&self) {
        self.tell("READY=1\nSTATUS=Ready.");
    }

    pub fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// A manager that does not listen is none of our worries.
    fn tell(&self, text: &str) {
        if let Some(socket) = &self.0 {
            _ = socket.send(text.as_bytes());
        }
    }
}
