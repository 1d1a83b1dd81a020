//! Descriptors named by number: `fd@3` in a configuration.

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::io;
use std::os::fd::OwnedFd;

/// A descriptor of our own for what another one of this process refers to. A number alone proves nothing, so the kernel
/// is asked for it.
///
/// # Errors
/// There is no such descriptor, or no room for one more.
pub fn duplicate(number: i32) -> io::Result<OwnedFd> {
    let myself = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(myself, number, PidfdGetfdFlags::empty())?)
}
