//! What a bootstrap token opens, as kubectl sees it over TLS, and what nobody's credentials do.

use crate::world::{Served, config_map, served};
use client::resources::{CONFIG_MAPS, SECRETS};
use serde_json::{Value, json};

/// What kubectl says with a bearer token and nothing else.
async fn kubectl(served: &Served, token: &str, arguments: &str) -> String {
    let server =
        format!("--kubeconfig=/dev/null --server=https://127.0.0.1:{} --insecure-skip-tls-verify", served.port);
    served.kubectl(&format!("{server} --token={token} {arguments}"), "").await
}

/// The answer to a GET without any credentials. kubectl would ask for some.
async fn anonymously(served: &Served, path: &str) -> Value {
    let url = format!("https://127.0.0.1:{}{path}", served.port);
    let answer = tokio::process::Command::new("curl").args(["-sk", &url]).output().await.expect("curl is installed");
    serde_json::from_slice(&answer.stdout).unwrap()
}

async fn token(served: &Served, id: &str, data: Value) -> String {
    let mut all = json!({"token-id": id, "token-secret": "0123456789abcdef"});
    for (key, value) in data.as_object().unwrap() {
        all[key] = value.clone();
    }
    let metadata = json!({"name": format!("bootstrap-token-{id}")});
    let secret = json!({"metadata": metadata, "type": "bootstrap.kubernetes.io/token", "stringData": all});
    let made = served.world.create(&SECRETS, "kube-system", secret).await.unwrap();
    served.world.server.shared().cache.wait_until(made.head.revision).await.unwrap();
    format!("{id}.0123456789abcdef")
}

#[tokio::test]
async fn anybody_may_read_cluster_info_and_nothing_else() {
    let served = served().await;
    let info = config_map("cluster-info", json!({"kubeconfig": "signed"}));
    served.world.create(&CONFIG_MAPS, "kube-public", info).await.unwrap();
    let path = "/api/v1/namespaces/kube-public/configmaps";
    assert_eq!(anonymously(&served, &format!("{path}/cluster-info")).await["data"]["kubeconfig"], "signed");
    let refused = anonymously(&served, path).await;
    assert!(
        refused["message"].as_str().unwrap().contains("\"system:anonymous\" cannot list resource \"configmaps\""),
        "{refused}"
    );
}

#[tokio::test]
async fn a_token_is_a_user_of_its_groups() {
    let served = served().await;
    let groups = "system:bootstrappers:kubeadm:default-node-token";
    let auth = "usage-bootstrap-authentication";
    let worker = token(&served, "aaaaaa", json!({auth: "true", "auth-extra-groups": groups})).await;
    let both = format!("{groups},system:bootstrappers:barque:master");
    let master = token(&served, "bbbbbb", json!({auth: "true", "auth-extra-groups": both})).await;

    let who = kubectl(&served, &worker, "auth whoami -o json").await;
    let who: Value = serde_json::from_str(&who).expect(&who);
    assert_eq!(
        who["status"]["userInfo"],
        json!({"username": "system:bootstrap:aaaaaa", "groups": [
            "system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated",
        ]})
    );
    let may = async |token: &str, what: &str| {
        let said = kubectl(&served, token, &format!("auth can-i {what}")).await;
        said.lines().find(|line| matches!(*line, "yes" | "no")).unwrap_or(&said).to_owned()
    };
    for what in [
        "create certificatesigningrequests.certificates.k8s.io",
        "create certificatesigningrequests.certificates.k8s.io --subresource=nodeclient",
        "get cm/kubeadm-config -n kube-system",
        "get cm/barque-config -n kube-system",
        "get nodes",
    ] {
        assert_eq!(may(&worker, what).await, "yes", "{what}");
    }
    for what in [
        "get secrets/kubeadm-certs -n kube-system",
        "get secrets -n kube-system",
        "approve signers.certificates.k8s.io",
    ] {
        assert_eq!(may(&worker, what).await, "no", "{what}");
    }
    assert_eq!(may(&master, "get secrets/kubeadm-certs -n kube-system").await, "yes");
    assert_eq!(may(&master, "get secrets/other -n kube-system").await, "no");
}

#[tokio::test]
async fn other_tokens_open_nothing() {
    let served = served().await;
    let auth = "usage-bootstrap-authentication";
    let good = token(&served, "aaaaaa", json!({auth: "true"})).await;
    assert!(kubectl(&served, &good, "auth whoami").await.contains("system:bootstrap:aaaaaa"));
    let wrong = good.replace("0123", "0124");
    let expired = token(&served, "bbbbbb", json!({auth: "true", "expiration": "2020-01-01T00:00:00Z"})).await;
    let signing = token(&served, "cccccc", json!({"usage-bootstrap-signing": "true"})).await;
    let masters = token(&served, "dddddd", json!({auth: "true", "auth-extra-groups": "system:masters"})).await;
    for token in [&wrong, &expired, &signing, &masters, "eeeeee.0123456789abcdef"] {
        let said = kubectl(&served, token, "auth whoami").await;
        assert!(said.contains("Unauthorized") || said.contains("must be logged in"), "{token}: {said}");
    }
    let review = json!({"spec": {"token": good}});
    let reviews = apimachinery::GroupVersionResource::of("authentication.k8s.io", "v1", "tokenreviews");
    let reviewed = served.world.create(&reviews, "", review).await.unwrap().to_value();
    assert_eq!(reviewed["status"]["user"]["username"], "system:bootstrap:aaaaaa");

    let name = "bootstrap-token-aaaaaa";
    let options = client::DeleteOptions::default();
    client::Api::delete(&served.world.api, &SECRETS, "kube-system", name, &options).await.unwrap();
    served.world.server.shared().cache.wait_fresh().await.unwrap();
    let said = kubectl(&served, &good, "auth whoami").await;
    assert!(!said.contains("system:bootstrap:aaaaaa"), "a deleted token is good for nothing at once: {said}");
}
