//! A TUN device: a network interface whose other end is a file descriptor, one IP packet a read or write.
//!
//! Sources: `linux/if_tun.h`, `Documentation/networking/tuntap.rst`.
#![allow(unsafe_code)]

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, Updater, ioctl, opcode};
use std::io;

const TUNSETIFF: Opcode = opcode::write::<i32>(b'T', 202);
const TUNSETPERSIST: Opcode = opcode::write::<i32>(b'T', 203);
/// IP packets, not Ethernet frames.
const IFF_TUN: u16 = 1;
/// Nothing before each packet.
const IFF_NO_PI: u16 = 0x1000;
const NAME_BYTES: usize = 16;

/// `struct ifreq`, of which this request uses name and flags.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; NAME_BYTES],
    flags: u16,
    _rest: [u8; 22],
}

/// Opens the device of this name in the calling thread's namespace, made if it is not there. It stays when the
/// descriptor is closed: routes then lead nowhere, instead of packets leaving unencrypted by another.
///
/// # Errors
/// EBUSY if another process has it; EINVAL if an interface of another kind has the name.
pub fn open(name: &str) -> io::Result<OwnedFd> {
    if name.is_empty() || name.len() >= NAME_BYTES {
        return Err(Errno::INVAL.into());
    }
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::open("/dev/net/tun", flags, Mode::empty())?;
    let mut request = InterfaceRequest { name: [0; NAME_BYTES], flags: IFF_TUN | IFF_NO_PI, _rest: [0; 22] };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, which `InterfaceRequest` is in size and layout.
    unsafe { ioctl(&fd, Updater::<TUNSETIFF, _>::new(&mut request)) }?;
    // SAFETY: TUNSETPERSIST takes its argument by value and touches no memory of ours.
    unsafe { ioctl(&fd, IntegerSetter::<TUNSETPERSIST>::new_usize(1)) }?;
    Ok(fd)
}
