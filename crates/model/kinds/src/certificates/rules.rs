//! What is a valid CertificateSigningRequest, and how it may change.
//!
//! Upstream: `pkg/apis/certificates/validation/validation.go`, `ValidateSignerName` in `pkg/apis/core/validation`.

use super::request::Request;
use crate::checks::{one_of, same};
use crate::path::Path;
use crate::read::{has, list, number, text};
use apimachinery::validate::{is_dns1123_label, is_dns1123_subdomain};
use apimachinery::{Problems, Value};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Conditions that only those who grant may set. They exclude each other.
pub const VERDICTS: [&str; 2] = ["Approved", "Denied"];
const FAILED: &str = "Failed";
/// In upstream's (alphabetical) order.
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
/// Seconds; a certificate of less is of no use.
const SHORTEST: i64 = 600;

const SPEC: Path = Path::new("spec");
const CONDITIONS: Path = Path::new("status.conditions");
const CERTIFICATE: Path = Path::new("status.certificate");

pub fn validate(csr: &Value, problems: &mut Problems) {
    let spec = &csr["spec"];
    let request = text(spec, "request");
    if let Err(why) = Request::from_field(request) {
        problems.invalid(SPEC.field("request"), request, &why);
    }
    usages(list(spec, "usages"), problems);
    match text(spec, "signerName") {
        "kubernetes.io/legacy-unknown" => {
            let why = "the legacy signerName is not allowed via this API version";
            problems.invalid(SPEC.field("signerName"), "kubernetes.io/legacy-unknown", why);
        }
        name => signer_name(name, problems),
    }
    let seconds = number(spec, "expirationSeconds");
    if has(spec, "expirationSeconds") && seconds < SHORTEST {
        let why = "may not specify a duration less than 600 seconds (10 minutes)";
        problems.invalid(SPEC.field("expirationSeconds"), seconds, why);
    }
    conditions(list(&csr["status"], "conditions"), problems);
    if let Err(why) = certificate(text(&csr["status"], "certificate")) {
        problems.invalid(CERTIFICATE, "<certificate data>", &why);
    }
}

/// Of the main resource and of `status`: what was granted is for others.
pub fn update(new: &Value, old: &Value, problems: &mut Problems) {
    changed(new, old, problems);
    for kind in VERDICTS {
        if count(new, kind) > count(old, kind) {
            problems.forbidden(CONDITIONS, &format!("updates may not add a condition of type {kind:?}"));
        }
    }
    let (before, after) = (text(&old["status"], "certificate"), text(&new["status"], "certificate"));
    if !before.is_empty() && before != after {
        problems.forbidden(CERTIFICATE, "updates may not modify existing certificate content");
    }
}

/// Of `approval`.
pub fn approval(new: &Value, old: &Value, problems: &mut Problems) {
    changed(new, old, problems);
    if !same(&new["status"]["certificate"], &old["status"]["certificate"]) {
        problems.forbidden(CERTIFICATE, "updates may not set certificate content");
    }
}

/// What once was said is not unsaid.
fn changed(new: &Value, old: &Value, problems: &mut Problems) {
    for kind in [VERDICTS[0], VERDICTS[1], FAILED] {
        if count(new, kind) < count(old, kind) {
            problems.forbidden(CONDITIONS, &format!("updates may not remove a condition of type {kind:?}"));
        }
    }
}

fn count(csr: &Value, kind: &str) -> usize {
    list(&csr["status"], "conditions").iter().filter(|own| text(own, "type") == kind).count()
}

fn usages(usages: &[Value], problems: &mut Problems) {
    let at = SPEC.field("usages");
    if usages.is_empty() {
        problems.required(at, "");
    }
    for (index, usage) in usages.iter().enumerate() {
        let usage = usage.as_str().unwrap_or("");
        if !USAGES.contains(&usage) {
            problems.not_supported(at.index(index), usage, &USAGES);
        }
        if usages[..index].iter().any(|earlier| earlier == usage) {
            problems.duplicate(at.index(index), usage);
        }
    }
}

fn signer_name(name: &str, problems: &mut Problems) {
    let at = SPEC.field("signerName");
    if name.is_empty() {
        return problems.required(at, "");
    }
    let parts: Vec<&str> = name.split('/').collect();
    let [domain, path] = parts[..] else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return problems.invalid(at, name, why);
    };
    if domain.len() > 253 {
        problems.too_long(at, 253);
    }
    if !domain.contains('.') {
        problems.invalid(at, domain, "should be a domain with at least two segments separated by dots");
    }
    for label in domain.split('.') {
        for message in is_dns1123_label(label) {
            problems.invalid(at, domain, &format!("validating label {label:?}: {message}"));
        }
    }
    for label in path.split('.') {
        for message in is_dns1123_subdomain(label) {
            problems.invalid(at, path, &format!("validating label {label:?}: {message}"));
        }
    }
}

fn conditions(conditions: &[Value], problems: &mut Problems) {
    let has_type = |conditions: &[Value], kind: &str| conditions.iter().any(|own| text(own, "type") == kind);
    for (index, condition) in conditions.iter().enumerate() {
        let (at, kind) = (CONDITIONS.index(index), text(condition, "type"));
        if kind.is_empty() {
            problems.required(at.field("type"), "");
        }
        if has_type(&conditions[..index], kind) {
            problems.duplicate(at.field("type"), kind);
        }
        let opposite = VERDICTS.iter().find(|other| VERDICTS.contains(&kind) && **other != kind);
        if opposite.is_some_and(|other| has_type(&conditions[..index], other)) {
            problems.invalid(at.field("type"), kind, "Approved and Denied conditions are mutually exclusive");
        }
        let all = ["False", "True", "Unknown"];
        let known = if VERDICTS.contains(&kind) || kind == FAILED { &all[1..2] } else { &all[..] };
        one_of(condition, "status", at, known, problems);
    }
}

/// One or more certificates as PEM blocks, and nothing else. Empty is fine.
fn certificate(base64: &str) -> Result<(), String> {
    if base64.is_empty() {
        return Ok(());
    }
    let pem = BASE64_STANDARD.decode(base64).map_err(|error| error.to_string())?;
    let mut blocks = 0;
    for block in x509_parser::pem::Pem::iter_from_buffer(&pem) {
        let block = block.map_err(|error| error.to_string())?;
        if block.label != "CERTIFICATE" {
            return Err(format!("only CERTIFICATE PEM blocks are allowed, found {:?}", block.label));
        }
        X509Certificate::from_der(&block.contents).map_err(|error| error.to_string())?;
        blocks += 1;
    }
    if blocks == 0 { Err("must contain one or more CERTIFICATE PEM blocks".to_owned()) } else { Ok(()) }
}
