//! `certificates.k8s.io/v1` CertificateSigningRequest: somebody asks for a certificate, somebody else may grant it.
//!
//! Who asks is filled in by the server and, like all of `spec`, never changes. `approval` is written by those who grant,
//! `status` by those who sign; the server checks that either may do so for the signer
//! (`apiserver/src/admission/certificates.rs`).
//!
//! Upstream: `pkg/registry/certificates/certificates/strategy.go`, `pkg/printers/internalversion/printers.go`.

use super::rules;
use crate::cells::{AGE, NAME, column, or, or_none};
use crate::def::Part;
use crate::edit::items;
use crate::prepare::{empty_status, keep, keep_all_but_status, keep_status};
use crate::read::{has, is_empty, list, number, text};
use crate::{KindDef, NameRule, Prepare, Scope, Subresource};
use apimachinery::{Value, time};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

pub const KIND: KindDef = KindDef {
    short_names: &["csr"],
    scope: Scope::Cluster,
    subresources: &[
        Subresource::Special {
            name: APPROVAL,
            kind: (super::GROUP, "v1", NAME_OF_KIND),
            verbs: &["get", "patch", "update"],
        },
        Subresource::Status,
    ],
    selectable: &[("spec.signerName", "/spec/signerName")],
    prepare: Prepare { create: empty_status, update, status },
    parts: &[Part { name: APPROVAL, prepare: approval, validate_update: rules::approval }],
    columns: &[
        NAME,
        AGE,
        column("SignerName", "Who is asked to sign.", |csr, _| or_none(&csr["spec"], "signerName")),
        column("Requestor", "Who asks.", |csr, _| text(&csr["spec"], "username").into()),
        column("RequestedDuration", "How long the certificate is wished to be valid.", |csr, _| requested(csr)),
        column("Condition", "What became of the request.", |csr, _| condition(csr).into()),
    ],
    name_rule: NameRule::PathSegment,
    validate: rules::validate,
    validate_update: rules::update,
    ..KindDef::new(
        (super::GROUP, "v1", NAME_OF_KIND),
        ("certificatesigningrequests", "certificatesigningrequest"),
        "io.k8s.api.certificates.v1.CertificateSigningRequest",
    )
};

const NAME_OF_KIND: &str = "CertificateSigningRequest";
const APPROVAL: &str = "approval";

/// Whether the request has a condition of this type that holds.
pub fn is(csr: &Value, kind: &str) -> bool {
    list(&csr["status"], "conditions").iter().any(|own| text(own, "type") == kind)
}

/// Whether there is a certificate.
pub fn is_issued(csr: &Value) -> bool {
    !is_empty(&csr["status"], "certificate")
}

/// When the certificate's time is over, in seconds since 1970; None if there is none that can be read.
pub fn expires(csr: &Value) -> Option<i64> {
    let pem = BASE64_STANDARD.decode(text(&csr["status"], "certificate")).ok()?;
    let (_, block) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
    Some(block.parse_x509().ok()?.validity().not_after.timestamp())
}

fn update(new: &mut Value, old: &Value) {
    keep(new, old, "spec");
    keep_status(new, old);
}

/// Those who sign decide about all conditions but whether it was granted.
fn status(new: &mut Value, old: &Value) {
    keep_all_but_status(new, old);
    let of = |csr: &Value, kind: &str| -> Vec<Value> {
        let all = list(&csr["status"], "conditions").iter();
        all.filter(|own| text(own, "type") == kind).cloned().collect()
    };
    for kind in rules::VERDICTS {
        let (before, wanted) = (of(old, kind), of(new, kind));
        if wanted.len() != before.len() {
            return keep(&mut new["status"], &old["status"], "conditions");
        }
        let mut before = before.into_iter();
        for own in items(&mut new["status"], "conditions") {
            if text(own, "type") == kind
                && let Some(kept) = before.next()
            {
                *own = kept;
            }
        }
    }
}

fn approval(new: &mut Value, old: &Value) {
    keep_all_but_status(new, old);
    if new["status"].is_object() {
        keep(&mut new["status"], &old["status"], "certificate");
    }
}

fn requested(csr: &Value) -> Value {
    if !has(&csr["spec"], "expirationSeconds") {
        return or("", "<none>");
    }
    time::human_duration(number(&csr["spec"], "expirationSeconds")).into()
}

fn condition(csr: &Value) -> String {
    let verdict = match (is(csr, "Denied"), is(csr, "Approved")) {
        (true, _) => "Denied",
        (_, true) => "Approved",
        _ => "Pending",
    };
    let failed = if is(csr, "Failed") { ",Failed" } else { "" };
    let issued = if is_issued(csr) { ",Issued" } else { "" };
    format!("{verdict}{failed}{issued}")
}
