//! The first contact of a joining node: what a server says whose authority is not known yet, and how an authority is
//! known by its public key.
//!
//! Upstream: `kubeadm join --discovery-token-ca-cert-hash`, `cmd/kubeadm/app/util/pubkeypin`.

use super::call::{self, Call};
use super::connection::{Address, handshake};
use super::decode;
use crate::tls::ANY_CERTIFICATE;
use apimachinery::{ApiError, ApiResult, Value};
use http::HeaderValue;
use http::header::USER_AGENT;
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Time for all of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer taken from somebody unknown, bytes. What is asked for has a few kilobytes.
const MAX_ANSWER: usize = 1 << 20;

/// An answer to be believed only when something else vouches for it: a signature, or the hash of a key.
#[derive(Debug, Clone)]
pub struct Unverified {
    pub body: Value,
    /// What the server showed, DER, its own certificate first. The authority's is seldom among them.
    pub chain: Vec<Vec<u8>>,
}

/// Asks a server (`https://HOST:PORT`) for a path, as nobody and without asking who it is.
///
/// # Errors
/// The server's; 503 if it cannot be reached or does not answer in 10 s; 400 for an address that cannot be read.
pub async fn fetch_unverified(server: &str, path: &str) -> ApiResult<Unverified> {
    let address = Address::parse(server)?;
    let fetched = tokio::time::timeout(PATIENCE, fetch(&address, path)).await;
    fetched.unwrap_or_else(|_| Err(address.unreachable(&format!("no answer in {PATIENCE:?}"))))
}

async fn fetch(address: &Address, path: &str) -> ApiResult<Unverified> {
    let unreachable = |why: String| address.unreachable(&why);
    let mut config = rustls::ClientConfig::clone(&ANY_CERTIFICATE);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("kubernetes").map_err(ApiError::internal)?;
    let stream = address.connect(&Arc::new(config).into(), name).await.map_err(unreachable)?;
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let chain = shown.iter().map(|certificate| certificate.to_vec()).collect();
    let mut sender = handshake(stream, PATIENCE, PATIENCE).await.map_err(unreachable)?;
    let call = Call::get(path);
    let mut request = call.request(&address.origin)?;
    let agent = HeaderValue::from_static(concat!("barque/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    let answer = sender.send_request(request).await.map_err(|error| unreachable(stdx::chain(&error)))?;
    let code = answer.status();
    let body = call::body(answer.into_body(), MAX_ANSWER).await.map_err(unreachable)?;
    if !code.is_success() {
        return Err(call::refusal(&body, code.as_u16(), &call));
    }
    Ok(Unverified { body: decode::document(&body), chain })
}

/// `sha256:<hex>` of a certificate's public key (its SubjectPublicKeyInfo), by which kubeadm pins an authority.
///
/// # Errors
/// 400 if `certificate` is not the DER of one.
pub fn spki_sha256(certificate: &[u8]) -> ApiResult<String> {
    let read = X509Certificate::from_der(certificate);
    let (_, read) = read.map_err(|error| ApiError::bad_request(format!("this is no certificate in DER: {error}")))?;
    let hash = Sha256::digest(read.public_key().raw);
    Ok(hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    /// Made by openssl; the hash by `openssl x509 -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256`.
    #[test]
    fn a_key_has_kubeadms_hash() {
        let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        assert_eq!(spki_sha256(&der).unwrap(), HASH);
        assert!(spki_sha256(b"nothing").is_err());
    }

    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBgDCCASegAwIBAgIUfPSCs6gwdjMLVIc//40QMgeEDAUwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjgwODU1MjhaGA8yMTI2MTEw
NDA4NTUyOFowFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABHjZFb1TfLj78g3vRnIcQdLRlf1Ox2KCY5RJNqJlF/tkS1D1acx7
rKSJ2dZ5fqvCou6u7QNFRZ5EqejH7fwzMPWjUzBRMB0GA1UdDgQWBBTtluvTdOH/
fYlA/JQHZjGpTwNoDjAfBgNVHSMEGDAWgBTtluvTdOH/fYlA/JQHZjGpTwNoDjAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIAXg7Z2X+8WfLxjYUz0/
WUyc3I/Z9uaIxu7efz/G+V0dAiB6/ys/pp7yVPtB/JGiERp5WkLOkWmtB7Bh1R5u
O4vpsQ==
-----END CERTIFICATE-----
";

    const HASH: &str = "sha256:33530ef5dd0414b26c6fe1b076b5028804b3e7d090b406a27ff96efeaff6069a";
}
