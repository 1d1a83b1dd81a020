//! What kubectl did before 1.31, and does for port-forward still.

use super::*;
use crate::streams::spdy::frame::{self, Control, HEAD, Head};
use crate::streams::spdy::headers::{Deflater, Inflater};
use std::collections::BTreeMap;
use tokio::io::{AsyncRead, AsyncWrite};

/// The client's side of a session.
pub struct Client<T> {
    connection: T,
    inflater: Inflater,
    deflater: Deflater,
    next: u32,
    /// Bytes by stream, and whether the stream ended.
    pub got: BTreeMap<u32, (Vec<u8>, bool)>,
    pub replies: usize,
    pub resets: Vec<u32>,
    pub pings: usize,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub fn new(connection: T) -> Self {
        Self {
            connection,
            inflater: Inflater::default(),
            deflater: Deflater::default(),
            next: 1,
            got: BTreeMap::new(),
            replies: 0,
            resets: Vec::new(),
            pings: 0,
        }
    }

    pub async fn open(&mut self, headers: &[(&str, &str)]) -> u32 {
        let id = self.next;
        self.next += 2;
        let frame = frame::syn_stream(id, headers, &mut self.deflater);
        self.connection.write_all(&frame).await.unwrap();
        id
    }

    pub async fn send(&mut self, id: u32, data: &[u8], fin: bool) {
        self.connection.write_all(&frame::data_head(id, fin, data.len())).await.unwrap();
        self.connection.write_all(data).await.unwrap();
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.connection.write_all(bytes).await.unwrap();
    }

    /// Takes one frame; false at the end of the connection or at GOAWAY.
    pub async fn step(&mut self) -> bool {
        let mut head = [0; HEAD];
        if self.connection.read_exact(&mut head).await.is_err() {
            return false;
        }
        match Head::parse(head).unwrap() {
            Head::Data { id, fin, length } => {
                let mut data = vec![0; length as usize];
                self.connection.read_exact(&mut data).await.unwrap();
                let entry = self.got.entry(id).or_default();
                entry.0.extend(data);
                entry.1 |= fin;
            }
            Head::Control { kind, fin, length } => {
                let mut payload = vec![0; length as usize];
                self.connection.read_exact(&mut payload).await.unwrap();
                match Control::parse(kind, fin, &payload, &mut self.inflater).unwrap() {
                    Control::SynReply { .. } => self.replies += 1,
                    Control::Reset { id, .. } => self.resets.push(id),
                    Control::Ping(_) => self.pings += 1,
                    Control::GoAway => return false,
                    _ => {}
                }
            }
        }
        true
    }

    pub async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            assert!(self.step().await, "the session ended: {:?}", self.got);
        }
    }

    pub async fn drain(&mut self) {
        while self.step().await {}
    }

    pub fn text(&self, id: u32) -> &str {
        std::str::from_utf8(&self.got[&id].0).unwrap()
    }
}

async fn dial(path: &str, protocol: &str) -> Client<TcpStream> {
    let headers = format!("Upgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: {protocol}\r\n");
    let (connection, head, rest) = ask(server().await, path, &headers).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.to_lowercase().contains(&format!("x-stream-protocol-version: {protocol}")), "{head}");
    assert!(rest.is_empty());
    Client::new(connection)
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let mut client = dial("/exec?container=app&command=cat&stdin=1&stdout=1", "v4.channel.k8s.io").await;
    let error = client.open(&[("streamtype", "error")]).await;
    let stdin = client.open(&[("streamtype", "stdin")]).await;
    let stdout = client.open(&[("streamtype", "stdout")]).await;
    client.send(stdin, b"hello ", false).await;
    client.until(|client| client.got.get(&stdout).is_some_and(|got| got.0 == b"hello ")).await;
    client.send(stdin, b"world", true).await;
    client.drain().await;
    assert_eq!(client.replies, 3);
    assert_eq!(client.text(stdout), "hello world");
    assert_eq!(client.text(error), r#"{"metadata":{},"status":"Success"}"#);
    assert!(client.got[&stdout].1 && client.got[&error].1);
}

#[tokio::test]
async fn the_exit_code_and_both_outputs_arrive() {
    for (protocol, wanted) in [
        ("v4.channel.k8s.io", r#""reason":"NonZeroExitCode""#),
        ("v3.channel.k8s.io", "command terminated with non-zero exit code: exit status 3"),
        ("channel.k8s.io", "command terminated with non-zero exit code: exit status 3"),
    ] {
        let mut client = dial("/exec?container=app&command=exit&stdout=1&stderr=1", protocol).await;
        let error = client.open(&[("streamtype", "error")]).await;
        let stdout = client.open(&[("streamtype", "stdout")]).await;
        let stderr = client.open(&[("streamtype", "stderr")]).await;
        client.drain().await;
        assert_eq!((client.text(stdout), client.text(stderr)), ("out", "err"));
        assert!(client.text(error).contains(wanted), "{}", client.text(error));
    }
}

#[tokio::test]
async fn a_terminal_has_a_size() {
    let mut client = dial("/exec?container=app&command=size&stdout=1&tty=1", "v4.channel.k8s.io").await;
    client.open(&[("streamtype", "error")]).await;
    let stdout = client.open(&[("streamtype", "stdout")]).await;
    let resize = client.open(&[("streamtype", "resize")]).await;
    client.send(resize, b"{\"Width\":120,\"Height\":40}\n", false).await;
    client.drain().await;
    assert_eq!(client.text(stdout), "120x40");
}

#[tokio::test]
async fn a_flood_arrives_whole() {
    let mut client = dial("/exec?container=app&command=flood&stdout=1", "v4.channel.k8s.io").await;
    client.open(&[("streamtype", "error")]).await;
    let stdout = client.open(&[("streamtype", "stdout")]).await;
    client.drain().await;
    assert_eq!(client.got[&stdout].0.len(), 4 << 20);
}

#[tokio::test]
async fn attach_reports_what_fails() {
    let mut client = dial("/attach?container=app&stdout=1", "v4.channel.k8s.io").await;
    let error = client.open(&[("streamtype", "error")]).await;
    client.open(&[("streamtype", "stdout")]).await;
    client.drain().await;
    assert!(client.text(error).contains("error attaching to container: no such program"), "{}", client.text(error));
}

#[tokio::test]
async fn pings_are_answered_and_bad_streams_refused() {
    let mut client = dial("/portforward", "portforward.k8s.io").await;
    client.write(&frame::ping(1)).await;
    client.until(|client| client.pings == 1).await;
    let id = client.open(&[("streamtype", "data"), ("port", "0"), ("requestid", "0")]).await;
    client.until(|client| client.resets == [id]).await;
    // Numbers only grow: the one used a moment ago is refused.
    client.next = id;
    client.open(&[]).await;
    client.until(|client| client.resets == [id, id]).await;
}

#[tokio::test]
async fn ports_are_forwarded_in_pairs() {
    let mut client = dial("/portforward", "portforward.k8s.io").await;
    forward(&mut client).await;
}

/// Two echoes on one session, and a port where nobody listens.
pub async fn forward<T: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<T>) {
    let mut ids = Vec::new();
    for (request, port) in [("0", "7"), ("1", "7"), ("2", "9")] {
        let error = client.open(&[("streamtype", "error"), ("port", port), ("requestid", request)]).await;
        client.send(error, b"", true).await;
        let data = client.open(&[("streamtype", "data"), ("port", port), ("requestid", request)]).await;
        ids.push((error, data));
    }
    let large = vec![7; 300_000];
    client.send(ids[0].1, b"one", true).await;
    // Sent and read in turns: an echo that nobody reads would stop the sender.
    for piece in large.chunks(1000) {
        client.send(ids[1].1, piece, false).await;
        let sent = client.got.get(&ids[1].1).map_or(0, |got| got.0.len()) + piece.len();
        client.until(|client| client.got.get(&ids[1].1).is_some_and(|got| got.0.len() >= sent)).await;
    }
    client.send(ids[1].1, b"", true).await;
    let all: Vec<u32> = ids.iter().flat_map(|(error, data)| [*error, *data]).collect();
    client.until(|client| all.iter().all(|id| client.got.get(id).is_some_and(|got| got.1))).await;
    assert_eq!(client.text(ids[0].1), "one");
    assert_eq!(client.got[&ids[1].1].0, large);
    assert_eq!(client.text(ids[0].0), "");
    assert_eq!(client.text(ids[2].0), "error forwarding port 9 to pod web, uid u1: connection refused");
}

#[tokio::test]
async fn garbage_ends_the_session_and_nothing_else() {
    for seed in 0..200_u32 {
        let mut client = dial("/portforward", "portforward.k8s.io").await;
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let mut garbage = Vec::new();
        for _ in 0..200 {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            garbage.push(state as u8);
        }
        if seed % 2 == 0 {
            // Begins as a control frame does, to get further in.
            garbage[..4].copy_from_slice(&[0x80, 3, 0, (seed % 10) as u8]);
            garbage[5] = 0;
            garbage[6] = 0;
        }
        // The server may have hung up already.
        _ = client.connection.write_all(&garbage).await;
        _ = client.connection.shutdown().await;
        let mut rest = Vec::new();
        _ = client.connection.read_to_end(&mut rest).await;
    }
}
