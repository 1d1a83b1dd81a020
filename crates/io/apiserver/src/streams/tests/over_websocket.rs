//! What kubectl does since 1.31, and what browsers and other clients do.

use super::over_spdy::{Client, forward};
use super::*;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

async fn dial(path: &str, protocol: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let address = server().await;
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    if !protocol.is_empty() {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    let connection = TcpStream::connect(address).await.unwrap();
    connection.set_nodelay(true).unwrap();
    tokio_tungstenite::client_async(request, connection).await.map(|(socket, _)| socket)
}

/// All messages to the end, joined by channel, and the code of the close.
async fn read_all(socket: &mut WebSocketStream<TcpStream>) -> (Vec<String>, Option<u16>) {
    let (mut channels, mut code) = (vec![Vec::new(); 5], None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Close(frame) => code = frame.map(|frame| frame.code.into()),
            Message::Binary(data) => channels[data[0] as usize].extend_from_slice(&data[1..]),
            Message::Text(text) => {
                let plain = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, &text[1..]).unwrap();
                channels[usize::from(text.as_bytes()[0] - b'0')].extend(plain);
            }
            _ => {}
        }
    }
    (channels.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect(), code)
}

#[tokio::test]
async fn version_5_closes_stdin() {
    let mut socket = dial("/exec?container=app&command=cat&stdin=true&stdout=true", "v5.channel.k8s.io").await.unwrap();
    socket.send(Message::binary(&b"\x00hello"[..])).await.unwrap();
    socket.send(Message::binary(&b"\xff\x00"[..])).await.unwrap();
    let (channels, code) = read_all(&mut socket).await;
    assert_eq!(channels[1], "hello");
    assert_eq!(channels[3], r#"{"metadata":{},"status":"Success"}"#);
    assert_eq!(code, Some(1000));
}

#[tokio::test]
async fn older_versions_and_codings() {
    for (protocol, wanted) in [
        ("v5.channel.k8s.io", r#""causes":[{"message":"3","reason":"ExitCode"}]"#),
        ("v4.channel.k8s.io", r#""causes":[{"message":"3","reason":"ExitCode"}]"#),
        ("v4.base64.channel.k8s.io", r#""causes":[{"message":"3","reason":"ExitCode"}]"#),
        ("base64.channel.k8s.io", "exit status 3"),
        ("", "exit status 3"),
    ] {
        let mut socket = dial("/exec?container=app&command=exit&stdout=1&stderr=1", protocol).await.unwrap();
        let (channels, _) = read_all(&mut socket).await;
        assert_eq!((channels[1].as_str(), channels[2].as_str()), ("out", "err"), "{protocol}");
        assert!(channels[3].contains(wanted), "{protocol}: {}", channels[3]);
    }
}

#[tokio::test]
async fn a_terminal_has_a_size() {
    let path = "/exec?container=app&command=size&stdout=1&stdin=1&tty=1";
    let mut socket = dial(path, "v5.channel.k8s.io").await.unwrap();
    socket.send(Message::binary(&b"\x04{\"Width\":90,\"Height\":33}\n"[..])).await.unwrap();
    assert_eq!(read_all(&mut socket).await.0[1], "90x33");
}

#[tokio::test]
async fn unknown_protocols_are_refused() {
    let error = dial("/exec?container=app&command=cat&stdout=1", "v9.channel.k8s.io").await.unwrap_err();
    let Error::Http(response) = error else { panic!("{error}") };
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn ports_have_channels() {
    let mut socket = dial("/portforward?ports=7&ports=9", "v4.channel.k8s.io").await.unwrap();
    socket.send(Message::binary(&b"\x00ping"[..])).await.unwrap();
    let (mut echoed, mut refused) = (Vec::new(), Vec::new());
    while echoed.len() < 6 || refused.len() < 3 {
        let Message::Binary(data) = socket.next().await.unwrap().unwrap() else { continue };
        match data[0] {
            0 => echoed.extend_from_slice(&data[1..]),
            3 => refused.extend_from_slice(&data[1..]),
            _ => {}
        }
    }
    assert_eq!(echoed, b"\x07\x00ping");
    let wanted = b"\x09\x00error forwarding port 9 to pod web, uid u1: connection refused";
    assert_eq!(refused, wanted);
}

#[tokio::test]
async fn spdy_is_tunnelled() {
    let socket = dial("/portforward", "SPDY/3.1+portforward.k8s.io").await.unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (mut sink, mut stream) = socket.split();
    let (mut read, mut write) = tokio::io::split(far);
    let pumps = async {
        let outward = async {
            let mut buffer = vec![0; 1000];
            while let Ok(length @ 1..) = read.read(&mut buffer).await {
                sink.send(Message::binary(buffer[..length].to_vec())).await.unwrap();
            }
        };
        let inward = async {
            while let Some(Ok(Message::Binary(data))) = stream.next().await {
                write.write_all(&data).await.unwrap();
            }
        };
        tokio::join!(outward, inward)
    };
    let mut client = Client::new(near);
    tokio::select! {
        () = forward(&mut client) => {}
        _ = pumps => panic!("the tunnel ended"),
    }
}
