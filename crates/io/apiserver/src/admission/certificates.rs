//! Signing requests: who asks is told by the server, who grants and who signs must be allowed to for that signer.
//!
//! Upstream: the plug-ins CertificateApproval, CertificateSigning and CertificateSubjectRestriction
//! (`plugin/pkg/admission/certificates`), and what the kind's strategy does that needs the requester or a clock
//! (`pkg/registry/certificates/certificates/strategy.go`).

use super::{Attributes, Operation, Plugin, forbidden};
use crate::auth::rbac::{Attributes as Question, Target};
use crate::auth::user::MASTERS;
use crate::handlers::write::now_text;
use crate::server::Server;
use apimachinery::{ApiError, ApiResult, Problems, Value, meta};
use async_trait::async_trait;
use client::resources::CERTIFICATE_SIGNING_REQUESTS;
use kinds::certificates::request::Request;
use kinds::certificates::{CLIENT_SIGNER, GROUP};
use serde_json::json;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

pub struct Certificates;

#[async_trait]
impl Plugin for Certificates {
    fn name(&self) -> &'static str {
        "Certificates"
    }

    fn handles(&self, of: &Attributes<'_>) -> bool {
        of.resource.gvr == CERTIFICATE_SIGNING_REQUESTS && matches!(of.operation, Operation::Create | Operation::Update)
    }

    async fn admit(&self, _server: &Server, of: &Attributes<'_>, csr: &mut Value) -> ApiResult<()> {
        match of.old {
            None => write_requester(of, csr),
            Some(old) => write_times(csr, old),
        }
        Ok(())
    }

    async fn validate(&self, server: &Server, of: &Attributes<'_>, csr: &Value) -> ApiResult<()> {
        let name = meta::name(csr);
        let Some(old) = of.old else { return check_request(of, csr) };
        // Of the old state: what is asked for cannot be changed by the write that grants it.
        let signer = old["spec"]["signerName"].as_str().unwrap_or_default();
        let (before, after) = (&old["status"], &csr["status"]);
        let signs = before["certificate"] != after["certificate"] || before["conditions"] != after["conditions"];
        match of.subresource {
            "approval" if !may(server, of, "approve", signer) => {
                Err(forbidden(of, name, &format!("user not permitted to approve requests with signerName {signer:?}")))
            }
            "status" if signs && !may(server, of, "sign", signer) => {
                Err(forbidden(of, name, &format!("user not permitted to sign requests with signerName {signer:?}")))
            }
            _ => Ok(()),
        }
    }
}

/// Whatever the client says, it is the one who is authenticated.
fn write_requester(of: &Attributes<'_>, csr: &mut Value) {
    let spec = &mut csr["spec"];
    if !spec.is_object() {
        return;
    }
    let user = json!(of.user);
    for field in ["username", "uid", "groups", "extra"] {
        match user.get(field) {
            Some(value) => spec[field] = value.clone(),
            None => _ = spec.as_object_mut().and_then(|fields| fields.remove(field)),
        }
    }
}

/// Upstream: `populateConditionTimestamps`.
fn write_times(csr: &mut Value, old: &Value) {
    let before = old["status"]["conditions"].as_array();
    for condition in csr["status"].get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        if !condition.is_object() {
            continue;
        }
        let earlier = before.into_iter().flatten().find(|own| own["type"] == condition["type"]);
        if condition["lastUpdateTime"].is_null() {
            condition["lastUpdateTime"] = now_text().into();
        }
        if condition["lastTransitionTime"].is_null() {
            let kept = earlier.filter(|own| own["status"] == condition["status"]);
            let kept = kept.map(|own| &own["lastTransitionTime"]).filter(|time| !time.is_null());
            condition["lastTransitionTime"] = kept.cloned().unwrap_or_else(|| now_text().into());
        }
    }
}

/// The rules that need the keys' mathematics, and the group that nobody gets by asking.
fn check_request(of: &Attributes<'_>, csr: &Value) -> ApiResult<()> {
    let (spec, name) = (&csr["spec"], meta::name(csr));
    let request = Request::from_field(spec["request"].as_str().unwrap_or_default());
    let request = request.map_err(|why| forbidden(of, name, &format!("failed to parse CSR: {why}")))?;
    let parsed = X509CertificationRequest::from_der(&request.der).map_err(|error| error.to_string());
    if let Err(why) = parsed.and_then(|(_, parsed)| parsed.verify_signature().map_err(|error| error.to_string())) {
        let mut problems = Problems::default();
        problems.invalid("spec.request", spec["request"].clone(), &format!("the signature is not good: {why}"));
        return Err(ApiError::invalid(&of.resource.gvk, name, problems.list()));
    }
    if spec["signerName"] == CLIENT_SIGNER && request.organizations.iter().any(|group| group == MASTERS) {
        let why = format!("use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed");
        return Err(forbidden(of, name, &why));
    }
    Ok(())
}

/// For this signer, or for all of its domain (`kubernetes.io/*`). Upstream: `IsAuthorizedForSignerName`.
fn may(server: &Server, of: &Attributes<'_>, verb: &str, signer: &str) -> bool {
    let whole_domain = signer.split_once('/').map(|(domain, _)| format!("{domain}/*"));
    [Some(signer), whole_domain.as_deref()].into_iter().flatten().any(|name| {
        let target = Target::Resource { group: GROUP, resource: "signers", subresource: "", namespace: "", name };
        server.authorizer.allows(&Question { user: of.user, verb, target })
    })
}
