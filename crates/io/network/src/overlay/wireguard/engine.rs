//! The thread that carries packets between the TUN device and the other nodes.
//!
//! A thread and no task: sealing is work for the processor, which must not hold up what the runtime's threads do. Queues
//! are the kernel's, of the device and of the socket; what does not fit into them is dropped there, as on any wire.

use super::key::Key;
use super::table::{BUFFER, Out, Table};
use netplan::overlay::Peer;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recvfrom, sockopt};
use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// As often as the protocol's timers need it.
const TICK: Duration = Duration::from_millis(250);
/// Packets from one side before the other has its turn.
const TURN: usize = 64;
/// Bytes the kernel keeps for us while we are busy.
const SOCKET_BUFFER: usize = 4 << 20;

/// Runs until dropped, or until the device is deleted.
pub struct Engine {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    table: Mutex<Table>,
    udp: UdpSocket,
    tun: OwnedFd,
    wake: OwnedFd,
    stop: AtomicBool,
}

impl Engine {
    /// Both ends must be open already, in whatever network namespace; packets are carried from now on.
    pub fn start(key: Key, tun: OwnedFd, udp: UdpSocket) -> io::Result<Self> {
        // Root may exceed the limits of the machine; who is not gets what is allowed.
        if sockopt::set_socket_recv_buffer_size_force(&udp, SOCKET_BUFFER).is_err() {
            sockopt::set_socket_recv_buffer_size(&udp, SOCKET_BUFFER)?;
        }
        sockopt::set_socket_send_buffer_size(&udp, SOCKET_BUFFER)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (table, stop) = (Mutex::new(Table::new(key)), AtomicBool::new(false));
        let shared = Arc::new(Shared { table, udp, tun, wake, stop });
        let work = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("wireguard".to_owned()).spawn(move || work.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    pub fn set_peers(&self, peers: &BTreeSet<Peer>) {
        let (mut buffer, mut ends) = (vec![0; BUFFER], self.shared.ends());
        self.shared.table().set(peers, &mut buffer, &mut ends);
        self.shared.wake();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // Its panic has been told; there is nothing to undo.
            _ = thread.join();
        }
    }
}

/// The two ends. A packet that one of them does not take is lost, as packets may be.
struct Ends<'a> {
    udp: &'a UdpSocket,
    tun: &'a OwnedFd,
}

impl Out for Ends<'_> {
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        if let Err(error) = self.udp.send_to(datagram, to) {
            tracing::trace!(%to, %error, "a packet was lost");
        }
    }

    fn deliver(&mut self, packet: &[u8]) {
        if let Err(error) = rustix::io::write(self.tun, packet) {
            tracing::trace!(%error, "a packet was lost");
        }
    }
}

impl Shared {
    fn run(&self) {
        let (mut packet, mut buffer) = (vec![0; BUFFER], vec![0; BUFFER]);
        let mut due = Instant::now() + TICK;
        while !self.stop.load(Ordering::Acquire) {
            if let Err(error) = self.wait(due).and_then(|()| self.turn(&mut packet, &mut buffer)) {
                tracing::warn!(%error, "the encrypted device is gone; it is made anew");
                return;
            }
            if due <= Instant::now() {
                self.table().tick(&mut buffer, &mut self.ends());
                due = Instant::now() + TICK;
            }
        }
    }

    /// Until there is something to do. Without peers there are no timers.
    fn wait(&self, due: Instant) -> Result<(), Errno> {
        let left = due.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
        let timeout = (!self.table().is_empty()).then_some(&left);
        let all = [self.udp.as_fd(), self.tun.as_fd(), self.wake.as_fd()];
        let mut all = all.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        match poll(&mut all, timeout) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        // Nothing to read is no error: somebody else's wake-up has been taken already.
        _ = rustix::io::read(&self.wake, &mut [0; 8]);
        Ok(())
    }

    fn turn(&self, packet: &mut [u8], buffer: &mut [u8]) -> Result<(), Errno> {
        let (mut table, mut ends) = (self.table(), self.ends());
        for _ in 0..TURN {
            match recvfrom(&self.udp, &mut *packet, RecvFlags::DONTWAIT) {
                Ok((length, _, Some(from))) => {
                    let Ok(from) = SocketAddr::try_from(from) else { continue };
                    table.incoming(from, &packet[..length], buffer, &mut ends);
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // That of an earlier packet, which is lost.
                Err(error) => tracing::trace!(%error, "a packet was lost"),
            }
        }
        for _ in 0..TURN {
            match rustix::io::read(&self.tun, &mut *packet) {
                Ok(length) => table.outgoing(&packet[..length], buffer, &mut ends),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn ends(&self) -> Ends<'_> {
        Ends { udp: &self.udp, tun: &self.tun }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // Full only if a wake-up is waiting already.
        _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}
