//! What TLS settings mean: cipher lists, versions, which certificate a name gets. Keys and handshakes are the driver's.

pub mod ciphers;
pub mod names;
pub mod versions;

pub use names::NameMap;
