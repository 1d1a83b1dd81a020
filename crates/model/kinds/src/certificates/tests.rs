//! The request of a node, as it goes through strategies, checks and columns.

use super::certificate_signing_request::KIND;
use super::request::Request;
use crate::Now;
use apimachinery::{Problems, Value};
use expect_test::{Expect, expect};
use serde_json::json;

/// `O=system:nodes, CN=system:node:n1`, PEM in base64.
pub const REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIck1JR1NBZ0VBTURBeEZUQVRCZ05WQkFvTURITjVjM1JsYlRw\
    dWIyUmxjekVYTUJVR0ExVUVBd3dPYzNsegpkR1Z0T201dlpHVTZiakV3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNB\
    QVNlV0FnS013ZXVSNnBRCkxmZTFaS2hrYkxDa1VsUkRwQmN4Z0lxejQ1NjYwdGZYcm5UY2NuTW1VNllMaFh0NUhmd0cvSnZIUnNF\
    dC9XbDUKaHowMWUrR2hvQUF3Q2dZSUtvWkl6ajBFQXdJRFNBQXdSUUlnSTZOZ2pUdVRnN3pHVVFxa1JXYXczdVk4QTEyWQpnb1dD\
    VVN3NkxGVWpiTEVDSVFDUnpGRERXK05nM1JBWjBNeWVDZFFKUVpYQ2NtWnBaY2xiY1ZEU3JEZENMZz09Ci0tLS0tRU5EIENFUlRJ\
    RklDQVRFIFJFUVVFU1QtLS0tLQo=";

pub fn example() -> Value {
    let spec = json!({
        "request": REQUEST,
        "signerName": super::KUBELET_CLIENT_SIGNER,
        "usages": ["client auth", "digital signature"],
        "username": "system:bootstrap:abcdef",
    });
    json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "spec": spec})
}

fn with(conditions: Value) -> Value {
    let mut csr = example();
    csr["metadata"] = json!({"name": "x"});
    csr["status"] = json!({"conditions": conditions});
    csr
}

fn approved() -> Value {
    json!({"type": "Approved", "status": "True"})
}

#[track_caller]
fn refused(check: impl FnOnce(&mut Problems), expected: Expect) {
    let mut problems = Problems::default();
    check(&mut problems);
    let lines: String = problems.into_vec().iter().map(|p| format!("{}: {}\n", p.field, p.message)).collect();
    expected.assert_eq(&lines);
}

#[test]
fn a_request_is_read() {
    let request = Request::from_field(REQUEST).unwrap();
    assert_eq!(
        (request.common_name.as_str(), request.organizations.concat().as_str()),
        ("system:node:n1", "system:nodes")
    );
    assert!(request.dns_names.is_empty() && request.addresses.is_empty() && request.emails + request.uris == 0);
    assert!(Request::from_pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
}

#[test]
fn creation_is_checked() {
    let mut csr = example();
    csr["spec"]["request"] = "".into();
    csr["spec"]["usages"] = json!(["client auth", "flying", "client auth"]);
    csr["spec"]["signerName"] = "nodomain".into();
    csr["spec"]["expirationSeconds"] = 10.into();
    refused(
        |problems| (KIND.validate)(&csr, problems),
        expect![[r#"
        spec.request: Invalid value: "": PEM block type must be CERTIFICATE REQUEST
        spec.usages[1]: Unsupported value: "flying": supported values: "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"
        spec.usages[2]: Duplicate value: "client auth"
        spec.signerName: Invalid value: "nodomain": must be a fully qualified domain and path of the form 'example.com/signer-name'
        spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 600 seconds (10 minutes)
    "#]],
    );
    csr["spec"] = example()["spec"].clone();
    csr["status"] = json!({"conditions": [approved(), {"type": "Denied", "status": "False"}], "certificate": "AAAA"});
    refused(
        |problems| (KIND.validate)(&csr, problems),
        expect![[r#"
        status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive
        status.conditions[1].status: Unsupported value: "False": supported values: "True"
        status.certificate: Invalid value: "<certificate data>": must contain one or more CERTIFICATE PEM blocks
    "#]],
    );
}

#[test]
fn only_approval_approves() {
    let old = with(json!([]));
    let mut by_status = with(json!([approved()]));
    (KIND.prepare.status)(&mut by_status, &old);
    assert_eq!(by_status["status"]["conditions"], json!([]), "a status write does not approve");
    let mut plain = with(json!([approved()]));
    plain["spec"]["username"] = "admin".into();
    (KIND.prepare.update)(&mut plain, &old);
    assert_eq!(plain, old, "neither does a plain one, which changes nothing but metadata");
    let part = KIND.part("approval").unwrap();
    let mut granted = with(json!([approved()]));
    granted["status"]["certificate"] = "AAAA".into();
    (part.prepare)(&mut granted, &old);
    assert_eq!(granted, with(json!([approved()])), "an approval brings no certificate");
    refused(|problems| (part.validate_update)(&granted, &old, problems), expect![[""]]);
    let mut taken_back = old.clone();
    (part.prepare)(&mut taken_back, &granted);
    refused(
        |problems| (part.validate_update)(&taken_back, &granted, problems),
        expect![[r#"
        status.conditions: Forbidden: updates may not remove a condition of type "Approved"
    "#]],
    );
}

#[test]
fn columns() {
    let mut csr = with(json!([approved(), {"type": "Failed", "status": "True"}]));
    csr["spec"]["expirationSeconds"] = 86400.into();
    csr["metadata"] = json!({"name": "x", "creationTimestamp": "2025-12-31T23:55:00Z"});
    csr["status"]["certificate"] = "AAAA".into();
    let cells = KIND.columns.iter().map(|column| (column.cell)(&csr, &Now(1_767_225_600)));
    let row: Vec<String> = cells.map(|cell| cell.as_str().unwrap().to_owned()).collect();
    expect!["x  5m  kubernetes.io/kube-apiserver-client-kubelet  system:bootstrap:abcdef  24h  Approved,Failed,Issued"]
        .assert_eq(&row.join("  "));
}
