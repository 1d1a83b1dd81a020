//! `certificates.k8s.io/v1`.

pub mod certificate_signing_request;
pub mod request;
mod rules;

/// The group of signing requests.
pub const GROUP: &str = "certificates.k8s.io";

/// Signs client certificates for anybody but `system:masters`.
pub const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";
/// Signs the client certificates of nodes.
pub const KUBELET_CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Signs what nodes serve with.
pub const KUBELET_SERVING_SIGNER: &str = "kubernetes.io/kubelet-serving";

#[cfg(test)]
pub(crate) mod tests;
