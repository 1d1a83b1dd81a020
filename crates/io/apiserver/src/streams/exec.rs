//! `pods/exec` and `pods/attach`: a process's streams, carried to the client.
//!
//! Upstream: `kubelet/pkg/cri/streaming/remotecommand`, `pkg/registry/core/pod/rest/subresources.go`.
//!
//! The session on the node begins before the connection is upgraded, so that a container that cannot be entered is an
//! HTTP error which kubectl shows as it is.

use super::query::Query;
use super::sink::{Channels, Sink};
use super::upgrade::{Accepted, Connection, Negotiated, Transport};
use super::websocket::{self, Coding};
use super::{StreamBody, container, exit, sessions, spdy, upgrade};
use apimachinery::{ApiError, ApiResult, Object};
use bytes::Bytes;
use client::door::{Doors, ExecOptions, ExecSession, ExitStatus, TerminalSize};
use http::Response;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

const SPDY_PROTOCOLS: [&str; 5] =
    ["v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
const WEBSOCKET_PROTOCOLS: [&str; 6] = [
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
    "",
];
/// How long the client may take to open its streams. Upstream: `DefaultStreamCreationTimeout`.
const OPENING: Duration = Duration::from_secs(30);
/// Bytes of an unfinished terminal size; a real one has 25.
const LARGEST_SIZE: usize = 1024;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Exec,
    Attach,
}

pub(super) async fn serve(
    what: What,
    parts: Parts,
    pod: &Object,
    doors: &Arc<dyn Doors>,
) -> ApiResult<Response<StreamBody>> {
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let place = container::find(pod, query.text("container").unwrap_or_default())?;
    let node = place.node()?.to_owned();
    let options = options(what, &query)?;
    let transport = upgrade::transport(&parts)?;
    let negotiated = match transport {
        Transport::Spdy => upgrade::spdy(parts, &SPDY_PROTOCOLS),
        Transport::WebSocket => upgrade::websocket(parts, &WEBSOCKET_PROTOCOLS),
    };
    let (protocol, response, upgraded) = match negotiated {
        Negotiated::Yes(accepted) => accepted.split(),
        Negotiated::No(refusal) => return Ok(refusal),
    };
    let permit = sessions()?;
    let door = doors.door(&node).await?;
    // Attached to a process with a terminal, all output is one stream whatever the client asked for.
    let far = ExecOptions { tty: options.tty || (what == What::Attach && place.tty), ..options.clone() };
    let session = door.exec(place.target, far).await?;
    tokio::spawn(run(Plan { what, transport, protocol, options, permit }, upgraded, session));
    Ok(response)
}

/// What was agreed on.
struct Plan {
    what: What,
    transport: Transport,
    protocol: String,
    options: ExecOptions,
    permit: OwnedSemaphorePermit,
}

fn options(what: What, query: &Query) -> ApiResult<ExecOptions> {
    let tty = query.flag("tty");
    let command: Vec<String> = query.all("command").map(str::to_owned).collect();
    if what == What::Exec && command.is_empty() {
        return Err(ApiError::bad_request("you must specify at least one command for the container"));
    }
    let options = ExecOptions {
        command: if what == What::Exec { command } else { Vec::new() },
        stdin: query.flag("stdin"),
        stdout: query.flag("stdout"),
        // With a terminal there is no separate stderr.
        stderr: query.flag("stderr") && !tty,
        tty,
    };
    if !options.stdin && !options.stdout && !options.stderr {
        return Err(ApiError::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
    }
    Ok(options)
}

async fn run(plan: Plan, upgraded: OnUpgrade, session: ExecSession) {
    let connection = match Accepted::connection(upgraded).await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%error, "the client left before its session began"),
    };
    match plan.transport {
        Transport::Spdy => over_spdy(&plan, connection, session).await,
        Transport::WebSocket => over_websocket(&plan, connection, session).await,
    }
    drop(plan.permit);
}

async fn over_spdy(plan: &Plan, connection: Connection, session: ExecSession) {
    let mut connection = spdy::Session::start(connection);
    let opening = tokio::time::timeout(OPENING, open_streams(plan, &mut connection));
    let Ok(Some(channels)) = opening.await else {
        return tracing::debug!("timed out waiting for client to create streams");
    };
    let closed = connection.closed();
    let json = matches!(plan.protocol.as_str(), "v4.channel.k8s.io" | "v5.channel.k8s.io");
    if closed.run_until_cancelled(carry(plan.what, session, channels, json)).await.is_some() {
        connection.close().await;
    }
}

/// Waits until the client has opened every stream it must; None if it leaves.
async fn open_streams(plan: &Plan, connection: &mut spdy::Session) -> Option<Channels> {
    let options = &plan.options;
    let resizes = options.tty && !matches!(plan.protocol.as_str(), "channel.k8s.io" | "v2.channel.k8s.io");
    let wanted = [true, options.stdin, options.stdout, options.stderr, resizes].into_iter().filter(|is| *is).count();
    let (mut channels, mut error) = (Channels::default(), None);
    for _ in 0..wanted {
        let stream = connection.accept().await?;
        match stream.header("streamtype").unwrap_or_default() {
            "error" => error = Some(stream.sender),
            "stdin" => {
                channels.stdin = Some(stream.receiver.into());
                channels.kept.push(stream.sender);
            }
            "resize" => {
                channels.resize = Some(stream.receiver.into());
                channels.kept.push(stream.sender);
            }
            "stdout" => channels.stdout = Some(Sink::Spdy(stream.sender)),
            "stderr" => channels.stderr = Some(Sink::Spdy(stream.sender)),
            _ => stream.refuse(spdy::frame::REFUSED_STREAM).await,
        }
    }
    channels.error = error.map(Sink::Spdy);
    Some(channels)
}

async fn over_websocket(plan: &Plan, connection: Connection, session: ExecSession) {
    let coding = if plan.protocol.contains("base64") { Coding::Base64 } else { Coding::Binary };
    let options = &plan.options;
    let readable = [(STDIN, options.stdin), (RESIZE, options.tty)];
    let readable: Vec<u8> = readable.into_iter().filter(|(_, used)| *used).map(|(channel, _)| channel).collect();
    let mut socket = websocket::Channels::start(connection, coding, &readable).await;
    let sink = |channel, used: bool| used.then(|| Sink::Socket(socket.sender(channel)));
    let channels = Channels {
        stdout: sink(STDOUT, options.stdout),
        stderr: sink(STDERR, options.stderr),
        error: sink(ERROR, true),
        stdin: socket.receivers.remove(&STDIN).map(Into::into),
        resize: socket.receivers.remove(&RESIZE).map(Into::into),
        kept: Vec::new(),
    };
    if plan.protocol != "v5.channel.k8s.io" {
        // Tells clients of old that the connection stands.
        let first = [&channels.stdout, &channels.stderr, &channels.error].into_iter().flatten().next();
        if let Some(first) = first {
            // A client that is gone is noticed below.
            _ = first.send(Bytes::new()).await;
        }
    }
    let json = plan.protocol.starts_with("v4.") || plan.protocol.starts_with("v5.");
    let closed = socket.closed.clone();
    closed.run_until_cancelled(carry(plan.what, session, channels, json)).await;
}

/// Moves bytes both ways until the process ends and its output is delivered; then reports how it ended.
async fn carry(what: What, session: ExecSession, channels: Channels, json: bool) {
    let ExecSession { stdin, stdout, stderr, resize, status } = session;
    let input = async {
        tokio::join!(feed(channels.stdin, stdin), feed_sizes(channels.resize, resize));
        // The process decides when all is over, not the client's last keystroke.
        std::future::pending::<()>().await;
    };
    let output = async {
        tokio::join!(drain(stdout, channels.stdout), drain(stderr, channels.stderr));
        status.await.unwrap_or_else(|_| ExitStatus::Failed("the connection to the node was lost".to_owned()))
    };
    let status = tokio::select! {
        status = output => status,
        () = input => return,
    };
    if let Some(error) = channels.error {
        if let Some(text) = exit::report(what == What::Attach, &status, json) {
            // A client that is gone wants no report.
            _ = error.send(text.into()).await;
        }
        error.finish().await;
    }
}

async fn feed(from: Option<super::sink::Source>, to: Option<mpsc::Sender<Bytes>>) {
    let (Some(mut from), Some(to)) = (from, to) else { return };
    while let Some(data) = from.receive().await {
        if !data.is_empty() && to.send(data).await.is_err() {
            return;
        }
    }
}

async fn drain(from: Option<mpsc::Receiver<Bytes>>, to: Option<Sink>) {
    if let Some(mut from) = from {
        while let Some(data) = from.recv().await {
            if let Some(to) = &to
                && to.send(data).await.is_err()
            {
                // The client closed this stream; the process must not stall for that.
                while from.recv().await.is_some() {}
            }
        }
    }
    if let Some(to) = to {
        to.finish().await;
    }
}

#[derive(Deserialize)]
struct Size {
    #[serde(rename = "Width")]
    width: u16,
    #[serde(rename = "Height")]
    height: u16,
}

async fn feed_sizes(from: Option<super::sink::Source>, to: Option<mpsc::Sender<TerminalSize>>) {
    let (Some(mut from), Some(to)) = (from, to) else { return };
    let mut pending = Vec::new();
    while let Some(data) = from.receive().await {
        pending.extend_from_slice(&data);
        for size in sizes(&mut pending) {
            if to.send(TerminalSize { columns: size.width, rows: size.height }).await.is_err() {
                return;
            }
        }
        if pending.len() > LARGEST_SIZE {
            return;
        }
    }
}

/// Takes whole documents off the front.
fn sizes(pending: &mut Vec<u8>) -> Vec<Size> {
    let mut documents = serde_json::Deserializer::from_slice(pending).into_iter::<Size>();
    let mut found = Vec::new();
    while let Some(Ok(size)) = documents.next() {
        found.push(size);
    }
    let taken = documents.byte_offset();
    pending.drain(..taken);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_in_pieces() {
        let mut pending = br#"{"Width":80,"Height":24}
{"Width":100,"Hei"#
            .to_vec();
        let first: Vec<u16> = sizes(&mut pending).iter().map(|size| size.width).collect();
        pending.extend(br#"ght":30}"#);
        let second: Vec<u16> = sizes(&mut pending).iter().map(|size| size.height).collect();
        assert_eq!((first, second), (vec![80], vec![30]));
    }

    #[test]
    fn options_as_upstream_reads_them() {
        let read = |query: &str| options(What::Exec, &Query::parse(query));
        let wanted = ExecOptions {
            command: vec!["sh".to_owned(), "-c".to_owned(), "a b".to_owned()],
            stdin: true,
            stdout: true,
            stderr: false,
            tty: true,
        };
        let found = read("command=sh&command=-c&command=a+b&stdin=true&stdout=1&stderr=true&tty=true").unwrap();
        assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
        let error = read("command=sh&stdout=false").unwrap_err();
        assert_eq!(error.message(), "you must specify at least 1 of stdin, stdout, stderr");
    }
}
