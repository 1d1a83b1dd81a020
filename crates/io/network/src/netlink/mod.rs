//! Netlink, synchronous and in batches: one system call sends many requests, their acknowledgements are read after.
//!
//! Written out instead of taken from a crate: we send a dozen kinds of message, need them from short-lived threads inside
//! other network namespaces, and want one codec for rtnetlink and conntrack.
//! Sources: `linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_link.h`, `linux/netfilter/nfnetlink_conntrack.h`.

pub mod codec;
pub mod conntrack;
pub mod route;
pub mod vxlan;

pub use codec::{Message, Reader};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::io;

/// Large enough for the kernel's largest datagram (it sends at most 32 KiB unless the reader offers more).
const RECEIVE_BYTES: usize = 64 * 1024;
/// Messages in one datagram, at most: keeps the acknowledgements within the socket's receive buffer.
const BATCH: usize = 64;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// A socket of the network namespace in which the opening thread was.
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

/// A request and what it is for, so that a refusal can say what failed.
pub struct Request {
    pub what: String,
    pub message: Message,
    /// An errno that means the wished state already holds (EEXIST, ENODEV, ...).
    pub fine: Option<rustix::io::Errno>,
}

impl Socket {
    pub fn route() -> io::Result<Self> {
        // NETLINK_ROUTE is protocol 0, which stands for the default.
        Self::open(None)
    }

    pub fn netfilter() -> io::Result<Self> {
        Self::open(Some(netlink::NETFILTER))
    }

    fn open(protocol: Option<rustix::net::Protocol>) -> io::Result<Self> {
        let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
        let fd = rustix::net::socket_with(family, SocketType::RAW, flags, protocol)?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Carries out the requests in order; on the first refusal the rest of its batch may have been carried out too.
    ///
    /// # Errors
    /// The first refusal, with its request's `what`.
    pub fn run(&mut self, requests: &[Request]) -> Result<(), (String, io::Error)> {
        for batch in requests.chunks(BATCH) {
            self.run_batch(batch)?;
        }
        Ok(())
    }

    fn run_batch(&mut self, batch: &[Request]) -> Result<(), (String, io::Error)> {
        let failed = |error: io::Error| (batch[0].what.clone(), error);
        let first = self.sequence + 1;
        let mut bytes = Vec::with_capacity(256 * batch.len());
        for request in batch {
            self.sequence += 1;
            bytes.extend_from_slice(&request.message.finish(self.sequence, codec::ACK));
        }
        rustix::net::send(&self.fd, &bytes, SendFlags::empty()).map_err(|errno| failed(errno.into()))?;
        let mut result = Ok(());
        let mut left = batch.len();
        while left > 0 {
            for message in self.receive().map_err(failed)? {
                let Some(index) = message.sequence.checked_sub(first) else { continue };
                let Some(request) = batch.get(index as usize).filter(|_| message.kind == NLMSG_ERROR) else { continue };
                left -= 1;
                if let Err(errno) = message.acknowledged()
                    && Some(errno) != request.fine
                    && result.is_ok()
                {
                    result = Err((request.what.clone(), errno.into()));
                }
            }
        }
        result
    }

    /// Sends one dump request and gives every answer's payload to `each`.
    pub fn dump(&mut self, message: &Message, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.sequence += 1;
        let bytes = message.finish(self.sequence, codec::DUMP);
        rustix::net::send(&self.fd, &bytes, SendFlags::empty())?;
        loop {
            for message in self.receive()? {
                match message.kind {
                    _ if message.sequence != self.sequence => {}
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => return message.acknowledged().map_err(Into::into),
                    _ => each(&message.payload),
                }
            }
        }
    }

    /// Sends a request that has one answer; returns its payload.
    pub fn get(&mut self, message: &Message) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        rustix::net::send(&self.fd, &message.finish(self.sequence, 0), SendFlags::empty())?;
        loop {
            let answer = self.receive()?.into_iter().find(|message| message.sequence == self.sequence);
            let Some(answer) = answer else { continue };
            if answer.kind == NLMSG_ERROR {
                answer.acknowledged()?;
            }
            return Ok(answer.payload);
        }
    }

    fn receive(&self) -> io::Result<Vec<codec::Received>> {
        let mut buffer = vec![0; RECEIVE_BYTES];
        let (length, _) = rustix::net::recv(&self.fd, &mut buffer[..], RecvFlags::empty())?;
        Ok(codec::messages(&buffer[..length]))
    }
}
