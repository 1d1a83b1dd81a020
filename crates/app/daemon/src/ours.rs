//! What the members of a cluster must agree on and kubeadm's configuration has no word for: the ConfigMap `barque-config`.

use crate::init::publish::put;
use apimachinery::{ApiError, ApiResult, Value};
use client::remote::Remote;
use client::{Api, resources};
use cluster::{Encryption, Membership};
use serde_json::json;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "barque-config";

/// # Errors
/// The API's.
pub async fn publish(api: &dyn Api, membership: &Membership) -> ApiResult<()> {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {"encryption": membership.encryption.name()},
    });
    put(api, &resources::CONFIG_MAPS, NAMESPACE, object).await
}

/// As the cluster does it. One that says nothing is not encrypted; should it be all the same, this node is left out by
/// the others, and they say so.
///
/// # Errors
/// The API's, or if this program does not know the encryption.
pub async fn encryption(api: &Remote) -> ApiResult<Encryption> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}");
    match api.request("GET", &path, None).await {
        Ok(map) => said(&map),
        // A cluster that was made before there was a choice has neither the object nor the right to read it.
        Err(error) if error.is_not_found() || error.code() == 403 => Ok(Encryption::None),
        Err(error) => Err(error),
    }
}

fn said(map: &Value) -> ApiResult<Encryption> {
    let said = map["data"]["encryption"].as_str();
    said.map_or(Ok(Encryption::None), |said| {
        said.parse().map_err(|why| ApiError::bad_request(format!("{NAMESPACE}/{NAME}: {why}: update this machine")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused_and_nothing_is_none() {
        assert_eq!(said(&json!({"data": {"encryption": "wireguard"}})).unwrap(), Encryption::WireGuard);
        assert_eq!(said(&json!({"data": {"encryption": "none"}})).unwrap(), Encryption::None);
        assert_eq!(said(&json!({})).unwrap(), Encryption::None);
        let error = said(&json!({"data": {"encryption": "rot13"}})).unwrap_err().to_string();
        assert!(error.contains("barque-config") && error.contains("rot13"), "{error}");
    }
}
