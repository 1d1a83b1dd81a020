//! What each of the built-in signers signs.
//!
//! Upstream: `pkg/apis/certificates/helpers.go`, `pkg/controller/certificates/signer`.

use apimachinery::Value;
use kinds::certificates::request::Request;
use kinds::certificates::{CLIENT_SIGNER, KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER};
use kinds::read::{list, number, text};
use std::time::Duration;

/// The group of all nodes, which no request but a node's may ask for.
pub(super) const NODES_GROUP: &str = "system:nodes";
/// What the users that are nodes start with; the Node's name follows.
pub(super) const NODE_USER: &str = "system:node:";
/// Upstream: `--cluster-signing-duration`, one year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// Upstream's least `expirationSeconds`.
const SHORTEST: Duration = Duration::from_secs(600);

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    pub client: bool,
    pub server: bool,
}

const CLIENT: Profile = Profile { client: true, server: false };
const SERVER: Profile = Profile { client: false, server: true };

/// What is signed for a request; None if its signer is none of ours.
///
/// # Errors
/// Why the signer does not sign such a request.
pub fn profile(csr: &Value, request: &Request) -> Option<Result<Profile, String>> {
    let usages: Vec<&str> = list(&csr["spec"], "usages").iter().filter_map(Value::as_str).collect();
    match text(&csr["spec"], "signerName") {
        CLIENT_SIGNER => Some(client(&usages)),
        KUBELET_CLIENT_SIGNER => Some(kubelet_client(request, &usages)),
        KUBELET_SERVING_SIGNER => Some(kubelet_serving(request, &usages)),
        _ => None,
    }
}

/// How long the certificate is to be valid.
pub fn lifetime(csr: &Value) -> Duration {
    match number(&csr["spec"], "expirationSeconds") {
        0 => LONGEST,
        seconds => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).clamp(SHORTEST, LONGEST),
    }
}

fn client(usages: &[&str]) -> Result<Profile, String> {
    for usage in usages {
        if !matches!(*usage, "digital signature" | "key encipherment" | "client auth") {
            return Err(format!("invalid usage for client certificate: {usage}"));
        }
    }
    match usages.contains(&"client auth") {
        true => Ok(CLIENT),
        false => Err("missing required usage for client certificate: client auth".to_owned()),
    }
}

fn kubelet_client(request: &Request, usages: &[&str]) -> Result<Profile, String> {
    let counts = [
        (request.dns_names.len(), "DNS subjectAltNames are not allowed"),
        (request.emails, "Email subjectAltNames are not allowed"),
        (request.addresses.len(), "IP subjectAltNames are not allowed"),
        (request.uris, "URI subjectAltNames are not allowed"),
    ];
    of_a_node(request, &counts)?;
    exactly(usages, &["client auth", "digital signature"])?;
    Ok(CLIENT)
}

fn kubelet_serving(request: &Request, usages: &[&str]) -> Result<Profile, String> {
    if request.dns_names.is_empty() && request.addresses.is_empty() {
        return Err("DNS or IP subjectAltName is required".to_owned());
    }
    let counts = [
        (request.emails, "Email subjectAltNames are not allowed"),
        (request.uris, "URI subjectAltNames are not allowed"),
    ];
    of_a_node(request, &counts)?;
    exactly(usages, &["digital signature", "server auth"])?;
    Ok(SERVER)
}

/// Whether the subject is a node's and none of the counted names is there.
fn of_a_node(request: &Request, unwanted: &[(usize, &str)]) -> Result<(), String> {
    if request.organizations != [NODES_GROUP] {
        return Err("subject organization is not system:nodes".to_owned());
    }
    if let Some((_, why)) = unwanted.iter().find(|(count, _)| *count > 0) {
        return Err((*why).to_owned());
    }
    match request.common_name.strip_prefix(NODE_USER) {
        Some(name) if !name.is_empty() => Ok(()),
        _ => Err("subject common name does not begin with system:node:".to_owned()),
    }
}

/// Whether the usages are these; that of RSA keys may come with them.
fn exactly(usages: &[&str], wanted: &[&str]) -> Result<(), String> {
    let fits = wanted.iter().all(|usage| usages.contains(usage))
        && usages.iter().all(|usage| wanted.contains(usage) || *usage == "key encipherment");
    if fits { Ok(()) } else { Err(format!("usages did not match [{} key encipherment]", wanted.join(" "))) }
}
