//! Whom to trust: the public ConfigMap `cluster-info`, believed by its signature and the authority's pinned key.
//!
//! Upstream: `cmd/kubeadm/app/discovery/token`. The server is asked once without knowing it; what it says counts only if
//! the token signed it and the authority in it is the pinned one.

use super::JoinError;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use client::remote::fetch_unverified;
use cluster::bootstrap::{self, Token};
use serde_json::Value;

const PATH: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

/// The authority of the cluster at `https://HOST:PORT`, PEM. `pins`: hashes of authorities' keys; empty trusts the token
/// alone, which whoever else knows it can abuse.
///
/// # Errors
/// If it cannot be asked, the signature is not the token's, or the authority is none of the pinned.
pub async fn authority(server: &str, token: &Token, pins: &[String]) -> Result<String, JoinError> {
    let said = fetch_unverified(server, PATH)
        .await
        .map_err(|error| JoinError::Discovery { server: server.to_owned(), error })?;
    let ca = checked(&said.body, token).map_err(|why| JoinError::Distrust { server: server.to_owned(), why })?;
    let hash = crate::init::ca_hash(&ca)
        .map_err(|error| JoinError::Distrust { server: server.to_owned(), why: error.to_string() })?;
    if pins.is_empty() || pins.iter().any(|pin| pin.eq_ignore_ascii_case(&hash)) {
        return Ok(ca);
    }
    let why = format!("its authority has the key {hash}, which is none of --discovery-token-ca-cert-hash");
    Err(JoinError::Distrust { server: server.to_owned(), why })
}

/// The authority in the ConfigMap, if this token signed it.
fn checked(map: &Value, token: &Token) -> Result<String, String> {
    let kubeconfig = map["data"]["kubeconfig"].as_str().ok_or("cluster-info has no kubeconfig")?;
    let signature = map["data"][format!("jws-kubeconfig-{}", token.id)].as_str().ok_or_else(|| {
        format!(
            "it does not know the token {}.***: it may have expired; `barque token create` on a master makes another",
            token.id
        )
    })?;
    if !bootstrap::verify(kubeconfig, &token.id, &token.secret, signature) {
        return Err("the token's secret half is another one: copy the join line again".to_owned());
    }
    let read: Value =
        serde_saphyr::from_str(kubeconfig).map_err(|error| format!("its kubeconfig cannot be read: {error}"))?;
    let ca = read["clusters"][0]["cluster"]["certificate-authority-data"].as_str().unwrap_or_default();
    let ca = BASE64_STANDARD.decode(ca).ok().and_then(|ca| String::from_utf8(ca).ok());
    ca.filter(|ca| !ca.is_empty()).ok_or_else(|| "cluster-info names no authority".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_the_token_signed_is_believed() {
        let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
        let kubeconfig = bootstrap::cluster_info("https://10.0.42.1:6443", "PEM");
        let signature = bootstrap::sign(&kubeconfig, &token.id, &token.secret);
        let map = |kubeconfig: &str| json!({"data": {"kubeconfig": kubeconfig, "jws-kubeconfig-abcdef": signature}});
        assert_eq!(checked(&map(&kubeconfig), &token).unwrap(), "PEM");
        let forged = bootstrap::cluster_info("https://10.0.42.1:6443", "OTHER");
        assert!(checked(&map(&forged), &token).unwrap_err().contains("secret half"));
        let other: Token = "abcdeg.0123456789abcdef".parse().unwrap();
        assert!(checked(&map(&kubeconfig), &other).unwrap_err().contains("does not know the token abcdeg"));
    }
}
