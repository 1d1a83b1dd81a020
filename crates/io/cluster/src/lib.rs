//! What makes machines one cluster: keys and certificates, and the files by which people reach it.

pub mod bootstrap;
pub mod etcd;
pub mod kubeadm;
pub mod kubeconfig;
pub mod membership;
pub mod parcel;
pub mod pki;
pub mod preflight;

pub use kubeconfig::Kubeconfig;
pub use membership::{Encryption, Membership, MembershipError, Role, Store};
pub use pki::{EtcdLeaf, EtcdPki, Leaf, Names, Pair, Pki, PkiError, RequestSigner};
