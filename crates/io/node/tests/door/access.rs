//! Who is let in, and whom the door believes.

use crate::authority::Authority;
use crate::world::{World, run, soon, target};
use apimachinery::Reason;
use client::Certificate;
use client::door::{AgentCredentials, LogOptions, NodeDoor, RemoteDoor};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The answer to a request as plain text; with a certificate, if one is given.
async fn ask(world: &World, request: &str, identity: Option<(String, String)>) -> String {
    let roots = client::certificate::authorities(&world.authority.pem).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            builder.with_client_cert_resolver(Certificate::from_pem(&certificate, &key).unwrap())
        }
    };
    let socket = TcpStream::connect(world.address).await.unwrap();
    let name = ServerName::try_from("w1").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: w1\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn nobody_gets_in_without_a_certificate() {
    let world = World::new().await;
    for path in ["/healthz", "/metrics", "/pods", "/exec/default/web/app?command=cat", "/nonsense"] {
        let answer = ask(&world, &format!("GET {path}"), None).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
        assert!(answer.contains("a client certificate of the cluster's authority is required"), "{answer}");
    }
}

#[tokio::test]
async fn other_members_of_the_cluster_do_not_get_in() {
    let world = World::new().await;
    let node = world.authority.agent(&["w2"]);
    for path in ["/healthz", "/metrics/resource", "/containerLogs/default/web/app"] {
        let answer = ask(&world, &format!("GET {path}"), Some(node.clone())).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
    }
    let error = soon(world.door_as(node).exec(target(), run("cat"))).await.err().unwrap();
    assert_eq!(error.reason(), Reason::ServiceUnavailable, "the client itself has done nothing wrong");
    let said = format!(
        "node \"w1\" cannot be reached at {}: the API server is not let in (403 Forbidden): user \"system:node:w1\" may \
         not use the node agent; only members of system:masters and kubeadm:cluster-admins may",
        world.address
    );
    assert_eq!(error.message(), said);
}

#[tokio::test]
async fn administrators_are_told_what_is_wrong_with_a_request() {
    let world = World::new().await;
    let masters = || Some(world.authority.sign("kubernetes-admin", "system:masters", &[]));
    for (request, start) in [
        ("GET /healthz", "HTTP/1.1 200 "),
        ("GET /runningpods", "HTTP/1.1 404 "),
        ("POST /exec/default/web/app?command=cat&stdout=1", "HTTP/1.1 400 "),
        ("DELETE /pods", "HTTP/1.1 405 "),
        ("GET /containerLogs/default/web/app?tailLines=many", "HTTP/1.1 400 "),
    ] {
        let answer = ask(&world, request, masters()).await;
        assert!(answer.starts_with(start), "{request}: {answer}");
    }
}

#[tokio::test]
async fn certificates_of_others_are_refused() {
    let world = World::new().await;
    let others = Authority::new();
    let error = soon(world.door_as(others.administrator()).check()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ServiceUnavailable);
    assert!(error.message().starts_with("node \"w1\" cannot be reached at 127.0.0.1:"), "{error}");
    let distrusting = RemoteDoor::new("w1", world.address, &others.credentials(world.authority.administrator()));
    let error = soon(distrusting.check()).await.unwrap_err();
    assert!(error.message().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn the_agent_must_be_the_one_that_is_meant() {
    let world = World::new().await;
    let credentials = world.authority.credentials(world.authority.administrator());
    let (w1, w2) =
        (RemoteDoor::new("w1", world.address, &credentials), RemoteDoor::new("w2", world.address, &credentials));
    soon(w2.check()).await.expect("the address is right");
    let (certificate, key) = world.authority.agent(&["w1"]);
    world.served.replace(&certificate, &key).unwrap();
    soon(w1.check()).await.expect("the name is right");
    let error = soon(w2.check()).await.unwrap_err();
    assert!(error.message().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn credentials_are_replaced_while_running() {
    let world = World::new().await;
    let (certificate, key) = world.authority.agent(&["w1"]);
    let identity = Certificate::from_pem(&certificate, &key).unwrap();
    let credentials = AgentCredentials::new(&world.authority.pem, Arc::clone(&identity)).unwrap();
    let door = RemoteDoor::new("w1", world.address, &credentials);
    soon(door.check()).await.unwrap_err();
    let (certificate, other_key) = world.authority.administrator();
    identity.replace(&certificate, &key).expect_err("they do not belong together");
    identity.replace(&certificate, &other_key).unwrap();
    soon(door.check()).await.unwrap();
}

#[tokio::test]
async fn errors_of_the_agent_are_those_of_the_node() {
    let world = World::new().await;
    let other = client::door::Target { pod: "gone".to_owned(), ..target() };
    let error = soon(world.door().logs(other, LogOptions::default())).await.unwrap_err();
    let expected = apimachinery::ApiError::not_found(&client::resources::PODS, "gone");
    assert_eq!(error.to_value(), expected.to_value());
}
