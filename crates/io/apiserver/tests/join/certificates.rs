//! Who asks for a certificate, who grants it, who signs it.

use crate::world::{World, served, world};
use apimachinery::{ApiResult, Object, Value};
use apiserver::auth::UserInfo;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::resources::CERTIFICATE_SIGNING_REQUESTS as REQUESTS;
use client::{Api, PatchKind, WriteOptions};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;
use std::sync::Arc;

const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

pub fn request(user: &str, group: &str) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, group);
    params.distinguished_name.push(DnType::CommonName, user);
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    BASE64_STANDARD.encode(pem)
}

fn csr(name: &str, request: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"request": request, "signerName": CLIENT, "usages": ["client auth"], "username": "somebody else"},
    })
}

/// A user who may do everything with requests, and with these signers what is said.
async fn user(world: &World, name: &str, verbs: Value, signer: &str) -> impl Api + use<> {
    let role = json!({"metadata": {"name": name}, "rules": [
        {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests", "certificatesigningrequests/approval", "certificatesigningrequests/status"], "verbs": ["*"]},
        {"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": [signer], "verbs": verbs},
    ]});
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
    });
    let of = |plural| apimachinery::GroupVersionResource::of("rbac.authorization.k8s.io", "v1", plural);
    world.create(&of("clusterroles"), "", role).await.unwrap();
    world.create(&of("clusterrolebindings"), "", binding).await.unwrap();
    let api = world.server.local(UserInfo::authenticated(name, vec!["people".to_owned()]));
    // The index follows the objects; a request that is allowed says that it has.
    while api.get(&REQUESTS, "", "none").await.is_err_and(|error| error.code() == 403) {
        tokio::task::yield_now().await;
    }
    api
}

async fn patch(api: &impl Api, name: &str, subresource: &str, status: Value) -> ApiResult<Arc<Object>> {
    let options = WriteOptions { subresource, ..WriteOptions::default() };
    api.patch(&REQUESTS, "", name, PatchKind::Merge, json!({"status": status}), options).await
}

fn condition(kind: &str) -> Value {
    json!({"conditions": [{"type": kind, "status": "True", "reason": "Test"}]})
}

#[tokio::test]
async fn the_server_says_who_asks() {
    let world = world().await;
    let jane = user(&world, "jane", json!(["approve"]), CLIENT).await;
    let made = jane.create(&REQUESTS, "", csr("a", &request("jane", "people")), WriteOptions::default()).await.unwrap();
    let spec = &made.to_value()["spec"];
    assert_eq!((&spec["username"], &spec["groups"]), (&json!("jane"), &json!(["people", "system:authenticated"])));

    let mut changed = made.to_value();
    changed["spec"]["username"] = "admin".into();
    let after = jane.update(&REQUESTS, "", "a", changed, WriteOptions::default()).await.unwrap();
    assert_eq!(after.to_value()["spec"]["username"], "jane", "and nobody changes it");
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let world = world().await;
    let master = csr("m", &request("me", "system:masters"));
    let refused = world.create(&REQUESTS, "", master).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "certificatesigningrequests.certificates.k8s.io \"m\" is forbidden: use of kubernetes.io/kube-apiserver-client \
         signer with system:masters group is not allowed"
    );
    let pem = String::from_utf8(BASE64_STANDARD.decode(request("me", "people")).unwrap()).unwrap();
    let mut der =
        BASE64_STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
    // One bit of the name, which the signature covers.
    let at = der.windows(6).position(|bytes| bytes == b"people").unwrap();
    der[at] ^= 1;
    let forged = format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        BASE64_STANDARD.encode(der)
    );
    let refused = world.create(&REQUESTS, "", csr("f", &BASE64_STANDARD.encode(forged))).await.unwrap_err();
    assert_eq!(refused.code(), 422, "{}", refused.message());
    assert!(refused.message().contains("the signature is not good"), "{}", refused.message());
}

#[tokio::test]
async fn approving_and_signing_are_rights_of_their_own() {
    let world = world().await;
    let approver = user(&world, "approver", json!(["approve"]), CLIENT).await;
    let signer = user(&world, "signer", json!(["sign"]), "kubernetes.io/*").await;
    world.create(&REQUESTS, "", csr("a", &request("jane", "people"))).await.unwrap();

    let refused = patch(&signer, "a", "approval", condition("Approved")).await.unwrap_err();
    assert!(
        refused.message().ends_with(
            "user not permitted to approve requests with signerName \"kubernetes.io/kube-apiserver-client\""
        )
    );
    let granted = patch(&approver, "a", "approval", condition("Approved")).await.unwrap().to_value();
    let granted = &granted["status"]["conditions"][0];
    assert!(granted["lastUpdateTime"].is_string() && granted["lastTransitionTime"].is_string(), "{granted}");
    let refused = patch(&approver, "a", "approval", json!({"conditions": []})).await.unwrap_err();
    assert!(refused.message().contains("updates may not remove a condition of type \"Approved\""));

    let key = KeyPair::generate().unwrap();
    let pem = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem();
    let certificate = json!({"certificate": BASE64_STANDARD.encode(&pem)});
    let refused = patch(&approver, "a", "status", certificate.clone()).await.unwrap_err();
    assert!(
        refused
            .message()
            .ends_with("user not permitted to sign requests with signerName \"kubernetes.io/kube-apiserver-client\"")
    );
    let signed = patch(&signer, "a", "status", certificate.clone()).await.unwrap().to_value();
    assert_eq!(signed["status"]["certificate"], certificate["certificate"]);
    assert_eq!(signed["status"]["conditions"][0]["type"], "Approved", "signing leaves the verdict alone");
}

#[tokio::test]
async fn kubectl_shows_and_grants_requests() {
    let served = served().await;
    let mut wanted = csr("a", &request("jane", "people"));
    wanted["spec"]["expirationSeconds"] = 86400.into();
    served.world.create(&REQUESTS, "", wanted.clone()).await.unwrap();
    wanted["metadata"]["name"] = "b".into();
    served.world.create(&REQUESTS, "", wanted).await.unwrap();
    let words = |table: &str| -> Vec<Vec<String>> {
        table.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let table = served.kubectl("get csr", "").await;
    let rows = words(&table);
    assert_eq!(rows[0].join(" "), "NAME AGE SIGNERNAME REQUESTOR REQUESTEDDURATION CONDITION");
    assert_eq!(
        (&rows[1][0], &rows[1][2..]),
        (&"a".to_owned(), &[CLIENT, "test", "24h", "Pending"].map(str::to_owned)[..])
    );
    let said = served.kubectl("certificate approve a", "").await;
    assert_eq!(said, "certificatesigningrequest.certificates.k8s.io/a approved\n");
    let said = served.kubectl("certificate deny b", "").await;
    assert_eq!(said, "certificatesigningrequest.certificates.k8s.io/b denied\n");
    let rows = words(&served.kubectl("get csr", "").await);
    assert_eq!((rows[1].last().unwrap().as_str(), rows[2].last().unwrap().as_str()), ("Approved", "Denied"));
    let made = served
        .kubectl(
            "create -f -",
            &json!({
                "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "c"},
                "spec": {"request": request("jane", "people"), "signerName": CLIENT, "usages": ["client auth"]},
            })
            .to_string(),
        )
        .await;
    assert_eq!(made, "certificatesigningrequest.certificates.k8s.io/c created\n");
    let extra = served.kubectl("get csr c -o jsonpath={.spec.extra}", "").await;
    assert!(extra.starts_with("{\"authentication.kubernetes.io/credential-id\":[\"X509SHA256="), "{extra}");
    // What typed clients take.
    let url = format!("https://127.0.0.1:{}/apis/certificates.k8s.io/v1/certificatesigningrequests/c", served.port);
    let [cert, key] = ["admin.crt", "admin.key"].map(|name| served.world.folder.path().join(name));
    let mut curl = tokio::process::Command::new("curl");
    curl.args(["-sk", "-H", "Accept: application/vnd.kubernetes.protobuf", &url]);
    let packed = curl.arg("--cert").arg(cert).arg("--key").arg(key).output().await.expect("curl is installed").stdout;
    let has = |text: &str| packed.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(packed.starts_with(b"k8s\0") && has("X509SHA256=") && has("system:masters") && has(CLIENT));
    let selected = served.kubectl("get csr --field-selector spec.signerName=example.com/other", "").await;
    assert_eq!(selected, "No resources found\n");
}
