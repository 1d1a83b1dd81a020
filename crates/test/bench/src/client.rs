//! A lean client: one TLS connection with HTTP/1.1 keep-alive, the client certificate of the kubeconfig.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where the cluster is and how to show who we are; clone it for each client.
#[derive(Clone)]
pub struct Target {
    host: String,
    address: String,
    tls: TlsConnector,
}

/// One connection. Requests go one after the other.
pub struct Client {
    host: String,
    sender: SendRequest<Full<Bytes>>,
}

impl Target {
    /// Reads `$KUBECONFIG`.
    pub fn from_env() -> Self {
        let path = std::env::var("KUBECONFIG").expect("KUBECONFIG names the cluster");
        let text = std::fs::read_to_string(path).expect("the kubeconfig can be read");
        let config: Value = serde_saphyr::from_str(&text).expect("the kubeconfig is YAML");
        let cluster = &config["clusters"][0]["cluster"];
        let user = &config["users"][0]["user"];
        let address = cluster["server"].as_str().expect("a server").trim_start_matches("https://").to_owned();
        let host = address.rsplit_once(':').expect("a port").0.to_owned();
        let tls = tls(
            &pem(cluster, "certificate-authority-data"),
            &pem(user, "client-certificate-data"),
            &pem(user, "client-key-data"),
        );
        Self { host, address, tls: TlsConnector::from(Arc::new(tls)) }
    }

    pub async fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).await.expect("the API server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let name = ServerName::try_from(self.host.clone()).expect("a name or address");
        let stream = self.tls.connect(name, stream).await.expect("TLS with the cluster's certificate");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Client { host: self.host.clone(), sender }
    }
}

impl Client {
    pub async fn send(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> Response<Incoming> {
        self.send_as(method, path, body, "application/json").await
    }

    async fn send_as(&mut self, method: Method, path: &str, body: impl Into<Bytes>, kind: &str) -> Response<Incoming> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("content-type", kind)
            .header("accept", "application/json")
            .body(Full::new(body.into()))
            .expect("a request");
        self.sender.ready().await.expect("the connection lives");
        self.sender.send_request(request).await.expect("an answer")
    }

    /// A merge patch, which must succeed.
    pub async fn patch(&mut self, path: &str, body: impl Into<Bytes>) {
        let answer = self.send_as(Method::PATCH, path, body, "application/merge-patch+json").await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("the whole answer").to_bytes();
        assert!(status.is_success(), "PATCH {path}: {status} {}", String::from_utf8_lossy(&bytes));
    }

    /// Sends, reads the whole answer and expects success.
    pub async fn call(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> Bytes {
        let answer = self.send(method.clone(), path, body).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.expect("the whole answer").to_bytes();
        assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        bytes
    }

    pub async fn get(&mut self, path: &str) -> Value {
        serde_json::from_slice(&self.call(Method::GET, path, "").await).expect("JSON")
    }
}

fn pem(of: &Value, field: &str) -> Vec<u8> {
    let text = of[field].as_str().unwrap_or_else(|| panic!("the kubeconfig has no {field}"));
    BASE64_STANDARD.decode(text).expect("base64")
}

fn tls(ca: &[u8], certificate: &[u8], key: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca) {
        roots.add(certificate.expect("a certificate")).expect("a certificate");
    }
    let chain = CertificateDer::pem_slice_iter(certificate).map(|one| one.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .expect("the client's certificate")
}
