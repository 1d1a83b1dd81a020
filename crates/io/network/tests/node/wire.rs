//! Listens to everything that goes over the wire between hosts.

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use rustix::net::{RecvFlags, recv};
use std::os::fd::OwnedFd;

pub struct Wire {
    socket: OwnedFd,
}

impl Wire {
    /// Must be called in the namespace where the wire is: by the test's own thread.
    pub fn listen() -> Self {
        let (family, flags) = (AddressFamily::Packet, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK);
        let socket = socket(family, SockType::Raw, flags, SockProtocol::EthAll).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 64 << 20).unwrap();
        Self { socket }
    }

    /// What went by since: how many packets in all, and how many in which the text is readable.
    pub fn heard(&self, text: &str) -> (usize, usize) {
        let (mut all, mut readable) = (0, 0);
        let mut packet = vec![0; 65536];
        while let Ok((length, _)) = recv(&self.socket, &mut packet[..], RecvFlags::DONTWAIT) {
            all += 1;
            let found = packet[..length].windows(text.len()).any(|window| window == text.as_bytes());
            readable += usize::from(found);
        }
        (all, readable)
    }
}
