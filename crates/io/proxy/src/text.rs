//! How addresses and errors of the system are written in messages.

use balance::config::model::Listen;
use std::io;

/// The system's text of an error, without its number: `Connection refused`.
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

/// An address to listen on: `127.0.0.1:80`, `/run/a.sock`.
pub fn listen(listen: &Listen) -> String {
    match listen {
        Listen::Ip(address) => address.to_string(),
        Listen::Unix(path) => path.display().to_string(),
        Listen::Abstract(name) => format!("abns@{name}"),
        Listen::Fd(number) => format!("fd@{number}"),
    }
}
