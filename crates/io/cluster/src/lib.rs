//! What makes machines one cluster: keys and certificates, and the files by which people reach it.

pub mod kubeadm;
pub mod kubeconfig;
pub mod pki;

pub use kubeconfig::Kubeconfig;
pub use pki::{Leaf, Names, Pair, Pki, PkiError, RequestSigner};
