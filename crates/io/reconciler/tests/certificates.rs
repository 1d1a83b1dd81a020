//! A machine joins: its request is granted and signed by a real authority, through the API on a real store.

mod world;

use apimachinery::{GroupVersionResource as Gvr, Object, Value};
use apiserver::auth::{Authenticator, UserInfo};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use client::resources::{CERTIFICATE_SIGNING_REQUESTS as REQUESTS, NODES};
use client::{Api, WriteOptions};
use cluster::{Names, Pki};
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use reconciler::{Metrics, Order};
use serde_json::json;
use std::sync::Arc;
use stdx::{Clock, SystemClock};
use world::{World, world};

const BINDINGS: Gvr = Gvr::of("rbac.authorization.k8s.io", "v1", "clusterrolebindings");

async fn signing() -> World {
    let world = world().await;
    let names = Names {
        node: "m".to_owned(),
        hostname: "m".to_owned(),
        addresses: Vec::new(),
        service_address: "10.96.0.1".parse().unwrap(),
        cluster_domain: "cluster.local".to_owned(),
        extra: Vec::new(),
        lifetime: cluster::pki::LIFETIME,
    };
    let pki = Pki::load_or_create(&world.folder.path().join("pki"), names, SystemClock.now()).unwrap();
    let signer = pki.request_signer();
    let sign = move |order: Order<'_>| {
        let signed = signer.sign(order.request, order.client, order.server, order.lifetime, order.now);
        signed.map_err(|error| error.to_string())
    };
    let (api, informers, stop) = (Arc::clone(&world.api) as Arc<dyn Api>, world.informers.clone(), world.stop.clone());
    let running =
        reconciler::run_certificates(Arc::new(sign), api, informers, Arc::new(SystemClock), Metrics::default(), stop);
    tokio::spawn(running);
    world
}

fn csr(name: &str, signer: &str, usages: Value, names: &[SanType]) -> Value {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(DnType::CommonName, "system:node:n1");
    params.subject_alt_names = names.to_vec();
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    json!({"metadata": {"name": name}, "spec": {
        "request": BASE64_STANDARD.encode(pem), "signerName": format!("kubernetes.io/{signer}"), "usages": usages,
    }})
}

/// Asks as somebody who may ask.
async fn ask(world: &World, user: UserInfo, csr: Value) {
    let binding = json!({
        "metadata": {"name": format!("ask-{}", csr["metadata"]["name"].as_str().unwrap())},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-bootstrapper"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name}],
    });
    world.create(&BINDINGS, "", binding).await;
    let api = world.server.local(user);
    while api.get(&REQUESTS, "", "none").await.is_err_and(|error| error.code() == 403) {
        tokio::task::yield_now().await;
    }
    api.create(&REQUESTS, "", csr, WriteOptions::default()).await.unwrap();
}

fn certificate(objects: &[Arc<Object>]) -> Option<Vec<u8>> {
    let pem = BASE64_STANDARD.decode(objects.first()?.to_value()["status"]["certificate"].as_str()?).unwrap();
    let (_, block) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
    Some(block.contents)
}

#[tokio::test]
async fn a_machine_that_may_join_gets_its_certificate() {
    let world = signing().await;
    let token = UserInfo::authenticated("system:bootstrap:abcdef", vec!["joiners".to_owned()]);
    ask(&world, token, csr("a", "kube-apiserver-client-kubelet", json!(["client auth", "digital signature"]), &[]))
        .await;
    // Nobody has said yet that such machines join; the request waits until somebody does.
    let role = "system:certificates.k8s.io:certificatesigningrequests:nodeclient";
    world
        .create(
            &BINDINGS,
            "",
            json!({
                "metadata": {"name": "approve"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "joiners"}],
            }),
        )
        .await;
    let done = world.until(&REQUESTS, "", "a certificate", |all| certificate(all).is_some()).await;
    let status = &done[0].to_value()["status"];
    assert_eq!(status["conditions"][0]["reason"], "AutoApproved");
    let user = Authenticator::certificate_user(&certificate(&done).unwrap()).unwrap();
    assert_eq!((user.name.as_str(), user.is_in("system:nodes")), ("system:node:n1", true));
}

#[tokio::test]
async fn a_node_serves_once_its_addresses_are_known() {
    let world = signing().await;
    let node = UserInfo::authenticated("system:node:n1", vec!["system:nodes".to_owned()]);
    let names = [SanType::DnsName("n1".try_into().unwrap()), SanType::IpAddress("192.0.2.1".parse().unwrap())];
    ask(&world, node, csr("s", "kubelet-serving", json!(["server auth", "digital signature"]), &names)).await;
    world.create(&NODES, "", json!({"metadata": {"name": "n1"}})).await;
    let addresses = json!({"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}});
    world.patch(&NODES, "", "n1", "status", addresses).await;
    let done = world.until(&REQUESTS, "", "a certificate", |all| certificate(all).is_some()).await;
    let der = certificate(&done).unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth);
}

#[tokio::test]
async fn what_a_signer_does_not_sign_has_failed() {
    let world = signing().await;
    let user = UserInfo::authenticated("jane", Vec::new());
    ask(&world, user, csr("f", "kube-apiserver-client", json!(["server auth"]), &[])).await;
    let approved = json!({"status": {"conditions": [{"type": "Approved", "status": "True", "reason": "Test"}]}});
    world.patch(&REQUESTS, "", "f", "approval", approved).await;
    let failed =
        |all: &[Arc<Object>]| all.iter().any(|one| one.to_value()["status"]["conditions"][1]["type"] == "Failed");
    let done = world.until(&REQUESTS, "", "a failure", failed).await;
    let condition = &done[0].to_value()["status"]["conditions"][1];
    assert_eq!(condition["message"], "invalid usage for client certificate: server auth");
    assert!(certificate(&done).is_none());
}
