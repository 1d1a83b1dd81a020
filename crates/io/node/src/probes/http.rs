//! `httpGet`: an answer from 200 up to 399. Certificates are not checked, as upstream does not.

use super::{dial_error, host, port};
use client::tls::ANY_CERTIFICATE;
use http::HeaderMap;
use http::header::{ACCEPT, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction};
use pods::Outcome;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Upstream: the default of Go's HTTP client.
const MAX_REDIRECTS: usize = 10;

/// A probe: an answer from 200 up to 399, redirects on the same host followed.
pub(super) async fn probe(
    container: &Container,
    action: &HTTPGetAction,
    ip: Option<IpAddr>,
    timeout: Duration,
) -> Outcome {
    let url = match url(container, action, ip) {
        Ok(url) => url,
        Err(error) => return Outcome::Failure(error),
    };
    match within(timeout, &url, follow(action, &url)).await {
        Err(error) => Outcome::Failure(error),
        Ok(answer) if answer.status.is_redirection() => {
            Outcome::Warning(format!("Probe terminated redirects, Response body: {}", answer.body))
        }
        Ok(answer) if answer.status.is_success() => Outcome::Success,
        Ok(answer) => Outcome::Failure(format!("HTTP probe failed with statuscode: {}", answer.status.as_u16())),
    }
}

/// A hook: that an answer comes is enough, whatever it is. Upstream: `lifecycle/handlers.go` (`runHTTPHandler`).
pub(crate) async fn call(
    container: &Container,
    action: &HTTPGetAction,
    ip: Option<IpAddr>,
    timeout: Duration,
) -> Result<(), String> {
    let url = url(container, action, ip)?;
    within(timeout, &url, follow(action, &url)).await.map(drop)
}

/// Where a request goes, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Url {
    is_tls: bool,
    /// With brackets around IPv6 addresses, without port.
    host: String,
    port: u16,
    /// With the query.
    path: String,
}

impl Url {
    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Where a `Location` leads from here; None: it cannot be read.
    fn join(&self, location: &str) -> Option<Self> {
        if !location.starts_with("//") && !location.contains("://") {
            let folder = self.path.split('?').next()?.rsplit_once('/').map_or("", |(folder, _)| folder);
            let slash = if location.starts_with('/') { String::new() } else { format!("{folder}/") };
            return Some(Self { path: format!("{slash}{location}"), ..self.clone() });
        }
        let scheme = if self.is_tls { "https:" } else { "http:" };
        let whole = if location.starts_with("//") { format!("{scheme}{location}") } else { location.to_owned() };
        let uri: http::Uri = whole.parse().ok()?;
        let authority = uri.authority()?;
        let is_tls = uri.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { is_tls, host: authority.host().to_owned(), port, path })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", if self.is_tls { "https" } else { "http" }, self.address(), self.path)
    }
}

fn url(container: &Container, action: &HTTPGetAction, ip: Option<IpAddr>) -> Result<Url, String> {
    let is_tls = action.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let host = host(action.host.as_deref(), ip)?;
    let path = action.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Url {
        is_tls,
        host: if host.contains(':') { format!("[{host}]") } else { host },
        port: port(container, &action.port)?,
        path: format!("{slash}{path}"),
    })
}

async fn within(
    timeout: Duration,
    url: &Url,
    work: impl Future<Output = Result<Answer, String>>,
) -> Result<Answer, String> {
    match tokio::time::timeout(timeout, work).await {
        Ok(result) => result.map_err(|error| format!("Get \"{url}\": {error}")),
        Err(_) => {
            Err(format!("Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"))
        }
    }
}

/// The last answer: of the place the redirects lead to, or the redirect that leads to another host.
async fn follow(action: &HTTPGetAction, first: &Url) -> Result<Answer, String> {
    let mut url = first.clone();
    for _ in 0..=MAX_REDIRECTS {
        let answer = request(action, &url).await?;
        let next = answer.location.as_deref().filter(|_| answer.status.is_redirection());
        match next.and_then(|location| url.join(location)).filter(|next| next.host == first.host) {
            Some(next) => url = next,
            None => return Ok(answer),
        }
    }
    Err(format!("stopped after {MAX_REDIRECTS} redirects"))
}

async fn request(action: &HTTPGetAction, url: &Url) -> Result<Answer, String> {
    let address = url.address();
    let stream = TcpStream::connect(&address).await.map_err(|error| dial_error(&address, &error))?;
    if !url.is_tls {
        return ask(stream, action, url).await;
    }
    let name = ServerName::IpAddress(stream.peer_addr().map_err(|error| error.to_string())?.ip().into());
    let stream =
        TlsConnector::from(ANY_CERTIFICATE.clone()).connect(name, stream).await.map_err(|error| error.to_string())?;
    ask(stream, action, url).await
}

struct Answer {
    status: http::StatusCode,
    location: Option<String>,
    /// Its begin.
    body: String,
}

/// Upstream: `maxRespBodyLength`.
const MAX_BODY: usize = 10 << 10;

async fn ask<S>(stream: S, action: &HTTPGetAction, url: &Url) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let text = |error: hyper::Error| match error.is_incomplete_message() {
        true => "EOF".to_owned(),
        false => stdx::chain(&error),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let mut request = http::Request::get(&url.path).body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    *request.headers_mut() = headers(action, &url.address())?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(text)?;
        let status = answer.status();
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // A small answer is taken whole, so that servers do not log a broken connection.
        let (mut taken, mut body) = (Vec::new(), http_body_util::Limited::new(answer.into_body(), MAX_BODY));
        while let Some(Ok(frame)) = body.frame().await {
            taken.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        }
        Ok(Answer { status, location, body: String::from_utf8_lossy(&taken).into_owned() })
    };
    tokio::select! {
        status = exchange => status,
        Err(error) = connection => Err(text(error)),
    }
}

/// The user's own come first; a header that is there and empty means none. Upstream: `probe/http/request.go`.
fn headers(action: &HTTPGetAction, address: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    for header in action.http_headers.iter().flatten() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| error.to_string())?;
        headers.append(name, value(&header.value)?);
    }
    for (name, default) in [(USER_AGENT, "kube-probe/1.35"), (ACCEPT, "*/*")] {
        match headers.get(&name) {
            None => _ = headers.insert(name, HeaderValue::from_static(default)),
            Some(own) if own.is_empty() => _ = headers.remove(name),
            Some(_) => {}
        }
    }
    let host = headers.get(HOST).filter(|own| !own.is_empty()).cloned();
    headers.insert(HOST, host.map_or_else(|| value(address), Ok)?);
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn locations_are_taken_from_where_one_is() {
        let here = Url { is_tls: false, host: "10.0.0.7".into(), port: 8080, path: "/a/b?c=d".into() };
        let joined = |location: &str| here.join(location).map(|url| url.to_string()).unwrap_or_default();
        assert_eq!(joined("/x?y"), "http://10.0.0.7:8080/x?y");
        assert_eq!(joined("x"), "http://10.0.0.7:8080/a/x");
        assert_eq!(joined("http://10.0.0.7:9090/x"), "http://10.0.0.7:9090/x");
        assert_eq!(joined("https://[fd00::1]/"), "https://[fd00::1]:443/");
        assert_eq!(joined("//other"), "http://other:80/");
        assert_eq!(joined("http://"), "");
    }

    #[test]
    fn headers_of_the_user_replace_ours() {
        let action = |headers: serde_json::Value| {
            let action = serde_json::json!({"port": 80, "httpHeaders": headers});
            let all = headers_text(&serde_json::from_value(action).unwrap());
            all.join(" | ")
        };
        fn headers_text(action: &HTTPGetAction) -> Vec<String> {
            let all = headers(action, "10.0.0.7:80").unwrap();
            let mut all: Vec<String> =
                all.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            all.sort();
            all
        }
        assert_eq!(action(serde_json::json!([])), "accept: */* | host: 10.0.0.7:80 | user-agent: kube-probe/1.35");
        let own = serde_json::json!([
            {"name": "Host", "value": "example.test"}, {"name": "Accept", "value": ""},
            {"name": "X", "value": "1"}, {"name": "X", "value": "2"},
        ]);
        assert_eq!(action(own), "host: example.test | user-agent: kube-probe/1.35 | x: 1 | x: 2");
    }

    /// Answers every path with what stands in the table.
    async fn server(table: &'static [(&'static str, &'static str)]) -> HTTPGetAction {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = vec![0; 4096];
                let count = stream.read(&mut buffer).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let answer =
                    table.iter().find(|(known, _)| *known == path).map_or("404 Not Found\r\n", |(_, answer)| answer);
                let text = format!("HTTP/1.1 {answer}Content-Length: 2\r\nConnection: close\r\n\r\nhi");
                _ = stream.write_all(text.as_bytes()).await;
            }
        });
        serde_json::from_value(serde_json::json!({"port": port, "host": "127.0.0.1"})).unwrap()
    }

    #[tokio::test]
    async fn redirects_are_followed_on_the_same_host_only() {
        let table: &[(&str, &str)] = &[
            ("/", "200 OK\r\n"),
            ("/good", "302 Found\r\nLocation: /\r\n"),
            ("/bad", "302 Found\r\nLocation: /nowhere\r\n"),
            ("/away", "302 Found\r\nLocation: http://192.0.2.7/\r\n"),
            ("/round", "302 Found\r\nLocation: /round\r\n"),
        ];
        let action = server(table).await;
        let port = match &action.port {
            k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(port) => *port,
            _ => 0,
        };
        let container = Container::default();
        for (path, outcome) in [
            ("/", Outcome::Success),
            ("/good", Outcome::Success),
            ("/bad", Outcome::Failure("HTTP probe failed with statuscode: 404".into())),
            ("/away", Outcome::Warning("Probe terminated redirects, Response body: hi".into())),
            ("/round", Outcome::Failure(format!("Get \"http://127.0.0.1:{port}/round\": stopped after 10 redirects"))),
        ] {
            let action = HTTPGetAction { path: Some(path.into()), ..action.clone() };
            assert_eq!(probe(&container, &action, None, Duration::from_secs(5)).await, outcome, "{path}");
        }
        let action = HTTPGetAction { path: Some("/nowhere".into()), ..action };
        assert_eq!(call(&container, &action, None, Duration::from_secs(5)).await, Ok(()));
    }
}
