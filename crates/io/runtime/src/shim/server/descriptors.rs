//! Descriptors that go to children and come back from them.

use crate::shim::create::{GO, RESULT, STATUS};
use crate::shim::protocol;
use nix::libc;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The null device, for streams that nobody wants.
pub fn null() -> Result<OwnedFd, String> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(|e| e.to_string())
}

/// Puts descriptors at 0.. in their order and closes all others. Child side, before anything else.
pub fn place_fds(fds: &[BorrowedFd<'_>; 6]) {
    const { assert!(GO == 3 && STATUS == 4 && RESULT == 5) };
    // First far away, so that none overwrites another that is still to be moved.
    let far: Vec<i32> = fds
        .iter()
        // SAFETY: plain numbers of open descriptors.
        .map(|fd| unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD, 64) })
        .collect();
    for (target, fd) in far.iter().enumerate() {
        // SAFETY: as above. Descriptors above 2 close when the command is executed.
        unsafe { libc::dup3(*fd, target as i32, if target > 2 { libc::O_CLOEXEC } else { 0 }) };
    }
    // SAFETY: nothing above is used by this child; the Rust owners of those numbers never run their destructors here.
    unsafe { libc::syscall(libc::SYS_close_range, 6u32, u32::MAX, 0u32) };
}

pub fn result_socket() -> Result<(OwnedFd, OwnedFd), String> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|e| e.to_string())
}

pub fn receive_one(socket: &OwnedFd) -> (Vec<u8>, Option<OwnedFd>) {
    let mut buffer = vec![0; 64 << 10];
    let mut fds = Vec::new();
    let count = protocol::receive(socket, &mut buffer, &mut fds).unwrap_or(0);
    buffer.truncate(count);
    (buffer, fds.pop())
}

pub fn console_listener(folder: &Path) -> Result<OwnedFd, String> {
    let path = folder.join("tty.sock");
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).map(OwnedFd::from).map_err(|e| format!("{}: {e}", path.display()))
}

pub fn console_master(listener: &OwnedFd) -> Option<OwnedFd> {
    let socket = rustix::net::accept_with(listener, SocketFlags::CLOEXEC).ok()?;
    let mut fds = Vec::new();
    protocol::receive(&socket, &mut [0; 256], &mut fds).ok()?;
    fds.pop()
}

/// A pipe that holds a text, as the status pipe of a failed start does until its end is recorded.
pub fn pipe_with(text: &str) -> Option<OwnedFd> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).ok()?;
    rustix::io::write(&write, &text.as_bytes()[..text.len().min(4096)]).ok()?;
    Some(read)
}
