//! Kernel settings of the network namespace of the calling thread.

use std::io;

/// Sets `net.ipv4.ip_forward`-like settings, given as a path below `/proc/sys/net`. Writes only what differs, so that a
/// read-only `/proc/sys` that already holds the right value is no failure.
pub fn set(path: &str, value: &str) -> io::Result<()> {
    let file = format!("/proc/sys/net/{path}");
    if std::fs::read_to_string(&file)?.trim() == value {
        return Ok(());
    }
    std::fs::write(file, value)
}

/// As [`set`]; a kernel without the setting needs no change.
pub fn set_where_present(path: &str, value: &str) -> io::Result<()> {
    match set(path, value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
