//! `httpGet`: an answer from 200 up to 399. Certificates are not checked, as upstream does not.

use super::{dial_error, host, join, port};
use http::header::{ACCEPT, HOST, HeaderName, HeaderValue, USER_AGENT};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Sends the request of a probe or hook; the error is the text of its event.
pub(crate) async fn get(
    container: &Container,
    action: &HTTPGetAction,
    ip: Option<IpAddr>,
    timeout: Duration,
) -> Result<(), String> {
    let is_tls = action.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let address = join(&host(action.host.as_deref(), ip)?, port(container, &action.port)?);
    let path = action.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("{}://{address}{slash}{path}", if is_tls { "https" } else { "http" });
    match tokio::time::timeout(timeout, status(action, &address, &format!("{slash}{path}"), is_tls)).await {
        Ok(Ok(status)) if (200..400).contains(&status) => Ok(()),
        Ok(Ok(status)) => Err(format!("HTTP probe failed with statuscode: {status}")),
        Ok(Err(error)) => Err(format!("Get \"{url}\": {error}")),
        Err(_) => {
            Err(format!("Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"))
        }
    }
}

async fn status(action: &HTTPGetAction, address: &str, path: &str, is_tls: bool) -> Result<u16, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| dial_error(address, &error))?;
    if !is_tls {
        return ask(stream, action, address, path).await;
    }
    let name = ServerName::IpAddress(stream.peer_addr().map_err(|error| error.to_string())?.ip().into());
    let stream = TlsConnector::from(TLS.clone()).connect(name, stream).await.map_err(|error| error.to_string())?;
    ask(stream, action, address, path).await
}

async fn ask<S>(stream: S, action: &HTTPGetAction, address: &str, path: &str) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let text = |error: hyper::Error| match error.is_incomplete_message() {
        true => "EOF".to_owned(),
        false => stdx::chain(&error),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let mut request = http::Request::get(path).body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(address).map_err(|error| error.to_string())?);
    headers.insert(USER_AGENT, HeaderValue::from_static("kube-probe/1.35"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for header in action.http_headers.iter().flatten() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| error.to_string())?;
        headers.insert(name, HeaderValue::from_str(&header.value).map_err(|error| error.to_string())?);
    }
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(text)?;
        let status = answer.status().as_u16();
        // The rest of a small answer is taken, so that servers do not log a broken connection.
        let mut body = http_body_util::Limited::new(answer.into_body(), 10 << 10);
        while let Some(Ok(_)) = body.frame().await {}
        Ok(status)
    };
    tokio::select! {
        status = exchange => status,
        Err(error) = connection => Err(text(error)),
    }
}

static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyCertificate(provider.clone()));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    // The provider has the default versions: it is ours.
    let builder = builder.unwrap_or_else(|error| unreachable!("{error}"));
    Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
});

/// Probes ask whether a server answers, not who it is.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
