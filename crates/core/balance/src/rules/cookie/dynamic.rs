//! `cookie ... dynamic`: a server's value from its address.

use std::net::{IpAddr, SocketAddr};

/// The value of a server: the same for all balancers that have the same key.
pub fn dynamic_value(key: &str, server: SocketAddr) -> String {
    let mut text = key.as_bytes().to_vec();
    match server.ip() {
        IpAddr::V4(address) => text.extend(address.octets()),
        IpAddr::V6(address) => text.extend(address.octets()),
    }
    text.extend(u32::from(server.port()).to_be_bytes());
    format!("{:016x}", xxhash_rust::xxh64::xxh64(&text, 0))
}
