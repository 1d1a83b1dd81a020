//! `pods/portforward`: connections to ports inside a pod, each a pair of streams, one for data and one for errors.
//!
//! Upstream: `kubelet/pkg/cri/streaming/portforward`. Three forms: SPDY; SPDY tunnelled in WebSocket (kubectl since
//! 1.31); and channels over WebSocket, where the ports stand in the query.

use super::sink::{Sink, Source};
use super::upgrade::{Accepted, Connection, Negotiated, Transport};
use super::websocket::{self, Coding};
use super::{StreamBody, container, query::Query, sessions, spdy, upgrade};
use apimachinery::{ApiError, ApiResult, Object};
use bytes::{Bytes, BytesMut};
use client::door::{Doors, NodeDoor, Target};
use http::Response;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

const SPDY_PROTOCOL: &str = "portforward.k8s.io";
const TUNNEL_PROTOCOL: &str = "SPDY/3.1+portforward.k8s.io";
const WEBSOCKET_PROTOCOLS: [&str; 4] = [TUNNEL_PROTOCOL, "v4.channel.k8s.io", "v4.base64.channel.k8s.io", ""];
/// How long one stream of a pair waits for the other. Upstream: `streamCreationTimeout`.
const PAIRING: Duration = Duration::from_secs(30);
/// Bytes read from a pod at once.
const PIECE: usize = 16 * 1024;
/// Ports of one WebSocket: channels are numbered in a byte and 255 closes.
const MOST_PORTS: usize = 127;

/// One forwarded pod.
#[derive(Clone)]
struct Forward {
    door: Arc<dyn NodeDoor>,
    target: Target,
}

pub(super) async fn serve(parts: Parts, pod: &Object, doors: &Arc<dyn Doors>) -> ApiResult<Response<StreamBody>> {
    let place = container::whole(pod)?;
    let node = place.node()?.to_owned();
    let transport = upgrade::transport(&parts)?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let negotiated = match transport {
        Transport::Spdy => upgrade::spdy(parts, &[SPDY_PROTOCOL]),
        Transport::WebSocket => upgrade::websocket(parts, &WEBSOCKET_PROTOCOLS),
    };
    let (protocol, response, upgraded) = match negotiated {
        Negotiated::Yes(accepted) => accepted.split(),
        Negotiated::No(refusal) => return Ok(refusal),
    };
    let channelled = transport == Transport::WebSocket && protocol != TUNNEL_PROTOCOL;
    let ports = if channelled { ports(&query)? } else { Vec::new() };
    let permit = sessions()?;
    let forward = Forward { door: doors.door(&node).await?, target: place.target };
    tokio::spawn(run(forward, transport, protocol, ports, upgraded, permit));
    Ok(response)
}

async fn run(
    forward: Forward,
    transport: Transport,
    protocol: String,
    ports: Vec<u16>,
    upgraded: OnUpgrade,
    permit: OwnedSemaphorePermit,
) {
    let connection = match Accepted::connection(upgraded).await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%error, "the client left before its session began"),
    };
    match transport {
        Transport::Spdy => over_spdy(forward, spdy::Session::start(connection)).await,
        Transport::WebSocket if protocol == TUNNEL_PROTOCOL => {
            let tunnel = websocket::tunnel(connection).await;
            over_spdy(forward, spdy::Session::start(tunnel)).await;
        }
        Transport::WebSocket => over_channels(forward, connection, &protocol, ports).await,
    }
    drop(permit);
}

/// Streams that wait for their other half, by request id.
#[derive(Default)]
struct Pairs(HashMap<String, Half>);

struct Half {
    stream: spdy::Stream,
    since: Instant,
}

async fn over_spdy(forward: Forward, mut session: spdy::Session) {
    let mut pairs = Pairs::default();
    // Aborts what still runs when the client leaves.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = session.accept() => stream,
            Some(_) = connections.join_next() => continue,
        };
        let Some(stream) = stream else { return };
        let Some(port) = port_of(&stream) else {
            stream.refuse(spdy::frame::PROTOCOL_ERROR).await;
            continue;
        };
        if let Some((data, error)) = pairs.add(stream).await {
            let spdy::Stream { receiver, sender, .. } = data;
            let (source, sink) = (Source::Spdy(receiver), Sink::Spdy(sender));
            connections.spawn(forward.clone().connect(port, source, sink, Sink::Spdy(error.sender)));
        }
    }
}

/// The port a stream is for; None if its headers make no sense.
fn port_of(stream: &spdy::Stream) -> Option<u16> {
    let known = matches!(stream.header("streamtype"), Some("data" | "error"));
    let port: u16 = stream.header("port")?.parse().ok()?;
    (known && port > 0).then_some(port)
}

impl Pairs {
    /// Returns data and error stream once both are there.
    async fn add(&mut self, stream: spdy::Stream) -> Option<(spdy::Stream, spdy::Stream)> {
        let late: Vec<String> =
            self.0.iter().filter(|(_, half)| half.since.elapsed() > PAIRING).map(|(id, _)| id.clone()).collect();
        for id in late {
            if let Some(half) = self.0.remove(&id) {
                half.stream.refuse(spdy::frame::CANCEL).await;
            }
        }
        let is_data = |stream: &spdy::Stream| stream.header("streamtype") == Some("data");
        let id = match stream.header("requestid") {
            Some(id) => id.to_owned(),
            // Clients of old open the error stream and then, as the next, the data stream.
            None if is_data(&stream) => format!("stream {}", stream.id.saturating_sub(2)),
            None => format!("stream {}", stream.id),
        };
        let Some(other) = self.0.remove(&id).map(|half| half.stream) else {
            self.0.insert(id, Half { stream, since: Instant::now() });
            return None;
        };
        match (is_data(&stream), is_data(&other)) {
            (true, false) => Some((stream, other)),
            (false, true) => Some((other, stream)),
            _ => {
                stream.refuse(spdy::frame::PROTOCOL_ERROR).await;
                other.refuse(spdy::frame::PROTOCOL_ERROR).await;
                None
            }
        }
    }
}

/// # Errors
/// 400 in upstream's words.
fn ports(query: &Query) -> ApiResult<Vec<u16>> {
    let mut ports = Vec::new();
    let mut given = query.all("ports").chain(query.all("port")).peekable();
    if given.peek().is_none() {
        return Err(ApiError::bad_request("query parameter \"port\" is required"));
    }
    for text in given {
        if text.is_empty() {
            return Err(ApiError::bad_request("query parameter \"port\" cannot be empty"));
        }
        for text in text.split(',') {
            let port: u16 = text.parse().map_err(|_| {
                let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
                ApiError::bad_request(format!("unable to parse {text:?} as a port: {why}"))
            })?;
            if port == 0 {
                return Err(ApiError::bad_request(format!("port {text:?} must be > 0")));
            }
            ports.push(port);
        }
    }
    if ports.len() > MOST_PORTS {
        return Err(ApiError::bad_request(format!("at most {MOST_PORTS} ports can be forwarded over one WebSocket")));
    }
    Ok(ports)
}

async fn over_channels(forward: Forward, connection: Connection, protocol: &str, ports: Vec<u16>) {
    let coding = if protocol.contains("base64") { Coding::Base64 } else { Coding::Binary };
    let numbered: Vec<(u8, u16)> = (0_u8..).step_by(2).zip(ports).collect();
    let readable: Vec<u8> = numbered.iter().map(|(channel, _)| *channel).collect();
    let mut socket = websocket::Channels::start(connection, coding, &readable).await;
    let mut connections = JoinSet::new();
    for (channel, port) in numbered {
        let Some(receiver) = socket.receivers.remove(&channel) else { continue };
        let (data, error) = (socket.sender(channel), socket.sender(channel + 1));
        let announced = Bytes::copy_from_slice(&port.to_le_bytes());
        for sender in [&data, &error] {
            // A client that is gone is noticed below.
            _ = sender.send(announced.clone()).await;
        }
        connections.spawn(forward.clone().connect(
            port,
            Source::Socket(receiver),
            Sink::Socket(data),
            Sink::Socket(error),
        ));
    }
    let closed = socket.closed.clone();
    let ended = async { while connections.join_next().await.is_some() {} };
    closed.run_until_cancelled(ended).await;
}

impl Forward {
    /// Carries one connection; what goes wrong is said on its error stream.
    async fn connect(self, port: u16, source: Source, sink: Sink, error: Sink) {
        if let Err(why) = self.carry(port, source, sink).await {
            let Target { pod, uid, .. } = &self.target;
            let text = format!("error forwarding port {port} to pod {pod}, uid {uid}: {why}");
            // A client that is gone wants no report.
            _ = error.send(text.into()).await;
        }
        error.finish().await;
    }

    async fn carry(&self, port: u16, mut source: Source, sink: Sink) -> Result<(), String> {
        let stream = match self.door.port_forward(self.target.clone(), port).await {
            Ok(stream) => stream,
            Err(error) => {
                sink.finish().await;
                return Err(error.message().to_owned());
            }
        };
        let (mut read, mut write) = tokio::io::split(stream);
        let inward = async {
            while let Some(data) = source.receive().await {
                write.write_all(&data).await.map_err(|error| error.to_string())?;
            }
            // The client has no more to say; the pod may still answer.
            _ = write.shutdown().await;
            std::future::pending::<Result<(), String>>().await
        };
        let outward = async {
            let mut buffer = BytesMut::with_capacity(PIECE);
            loop {
                buffer.reserve(PIECE);
                match read.read_buf(&mut buffer).await {
                    Ok(0) => return Ok(()),
                    Ok(_) if sink.send(buffer.split().freeze()).await.is_err() => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        let outcome = tokio::select! {
            outcome = outward => outcome,
            outcome = inward => outcome,
        };
        sink.finish().await;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_the_query() {
        let read = |query: &str| ports(&Query::parse(query)).map_err(|error| error.message().to_owned());
        assert_eq!(read("ports=80&ports=443,8080"), Ok(vec![80, 443, 8080]));
        assert_eq!(read("port=80"), Ok(vec![80]));
        assert_eq!(read(""), Err("query parameter \"port\" is required".to_owned()));
        assert_eq!(read("ports=0"), Err("port \"0\" must be > 0".to_owned()));
        assert!(read("ports=99999").is_err());
    }
}
