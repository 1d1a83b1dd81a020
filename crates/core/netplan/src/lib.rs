//! What a node's network must look like, as a function of API objects: addresses, Service rules, network
//! policies, ways to other nodes, DNS answers.
//!
//! Pure: objects in; nftables text, DNS messages and file texts out. `network` carries them out.
//!
//! IPv4 only for pods and Services: an IPv6 endpoint is answered by DNS and never by the proxy. A second family
//! means a second table, built by the same functions over another address type.

pub mod addresses;
pub mod cidr;
pub mod dns;
pub mod hosts;
pub mod mac;
pub mod overlay;
pub mod pod;
pub mod policy;
pub mod proxy;
pub mod resolv;
pub mod world;

pub use cidr::Cidr;
pub use mac::Mac;
pub use pod::{HostPort, PodKey, Protocol};
pub use world::World;
