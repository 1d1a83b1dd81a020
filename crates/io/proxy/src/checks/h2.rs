//! A check's request over HTTP/2. Its answer is given in the form of HTTP/1, which is what checks read.

use crate::stream::Stream;
use balance::check::{HttpRequest, LONGEST_ANSWER};
use bytes::Bytes;
use std::pin::pin;

/// Sends a request on a fresh connection and takes in the answer, up to as much of it as checks look at.
///
/// # Errors
/// How the connection or the stream failed.
pub async fn exchange(stream: &mut Stream, request: &HttpRequest, https: bool) -> Result<Vec<u8>, String> {
    let handshake = h2::client::handshake(stream).await;
    let (send, connection) = handshake.map_err(|error| error.to_string())?;
    let mut talk = pin!(talk(send, request, https));
    tokio::select! {
        biased;
        answer = &mut talk => return answer,
        // The server is through; what it sent is still to be read.
        _ = connection => {}
    }
    talk.await
}

async fn talk(send: h2::client::SendRequest<Bytes>, request: &HttpRequest, https: bool) -> Result<Vec<u8>, String> {
    let text = |error: h2::Error| error.to_string();
    let mut send = send.ready().await.map_err(text)?;
    let head = head(request, https).map_err(|error| error.to_string())?;
    let (response, mut body) = send.send_request(head, request.body.is_empty()).map_err(text)?;
    if !request.body.is_empty() {
        body.send_data(Bytes::copy_from_slice(&request.body), true).map_err(text)?;
    }
    let (head, mut body) = response.await.map_err(text)?.into_parts();
    let mut answer = format!("HTTP/2.0 {} \r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend_from_slice(b"\r\n");
    while answer.len() < LONGEST_ANSWER
        && let Some(data) = body.data().await
    {
        let data = data.map_err(text)?;
        answer.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len()).map_err(text)?;
    }
    Ok(answer)
}

/// Connection-specific fields have no place in HTTP/2 (RFC 9113 section 8.2.2).
fn head(request: &HttpRequest, https: bool) -> Result<http::Request<()>, http::Error> {
    let host = request.headers.iter().find(|(name, _)| name == b"host").map_or(&b"localhost"[..], |(_, value)| value);
    let uri = String::from_utf8_lossy(&request.uri);
    let path = if uri.starts_with('/') { uri.into_owned() } else { "/".to_owned() };
    let uri = http::Uri::builder()
        .scheme(if https { "https" } else { "http" })
        .authority(host)
        .path_and_query(path)
        .build()?;
    let mut head = http::Request::builder().method(&request.method[..]).uri(uri).version(http::Version::HTTP_2);
    for (name, value) in &request.headers {
        if !matches!(&name[..], b"host" | b"connection" | b"keep-alive" | b"upgrade") {
            head = head.header(&name[..], &value[..]);
        }
    }
    head.body(())
}
