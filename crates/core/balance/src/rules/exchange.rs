//! What rules act on, and what they ask of those who carry them out.

use std::{borrow::Cow, net::IpAddr};

use crate::{
    http::{Reply, RequestHead, ResponseHead},
    log::Level,
    sample::{self, Side, Value},
};

/// A stream while rules run over it.
pub trait Exchange: sample::Context {
    /// The request's head, where rules may change it.
    fn request_mut(&mut self) -> Option<&mut RequestHead> {
        None
    }

    fn response_mut(&mut self) -> Option<&mut ResponseHead> {
        None
    }

    /// Does what is more than a change of a head. Nothing an effect does can end the rules.
    fn effect(&mut self, effect: Effect<'_>);
}

/// A change that rules ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<'a> {
    /// Counts this stream in the entry of this key from now on, unless the slot is taken.
    Track {
        slot: u8,
        table: &'a str,
        key: Value<'a>,
    },
    /// Sets a general purpose tag of the entry tracked in a slot; `index` none is `gpt0`.
    SetGpt {
        slot: u8,
        index: Option<u8>,
        value: u32,
    },
    /// None: this stream is not logged.
    LogLevel(Option<Level>),
    /// Scheduling: -1024 (first) to 1024.
    Nice(i32),
    /// The firewall mark of packets to the client.
    Mark(u32),
    /// The type of service of packets to the client.
    Tos(u8),
    Source(IpAddr),
    SourcePort(u16),
    Destination(IpAddr),
    DestinationPort(u16),
    /// Keeps a text, at most `len` bytes of it, in the slot of the request's or response's captures.
    Capture {
        side: Side,
        slot: usize,
        len: usize,
        text: Cow<'a, [u8]>,
    },
    /// Milliseconds; at least 1.
    Timeout {
        timer: Timer,
        millis: u64,
    },
    /// Class in a queue: -2047..=2047, the smaller the earlier.
    PriorityClass(i32),
    /// Milliseconds by which the place in a queue differs: -524287..=524287.
    PriorityOffset(i32),
    DisableL7Retry,
    /// A field of a 103 answer. Consecutive ones go in one answer.
    EarlyHint {
        name: &'a [u8],
        value: Cow<'a, [u8]>,
    },
    /// The answer with the early hints so far is to be sent.
    EndEarlyHints,
    /// Whether a rule that fails ends the exchange with an error; on unless said otherwise.
    StrictMode(bool),
    /// A change of a file's list of patterns or map, in memory.
    Map {
        file: &'a str,
        change: MapChange<'a>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    Server,
    Tunnel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapChange<'a> {
    AddAcl { key: Cow<'a, [u8]> },
    DelAcl { key: Cow<'a, [u8]> },
    SetMap { key: Cow<'a, [u8]>, value: Cow<'a, [u8]> },
    DelMap { key: Cow<'a, [u8]> },
}

/// How a list of rules ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All rules were looked at.
    Continue,
    /// `accept`, `allow`: the rest of this list is not looked at.
    Accept,
    /// A condition cannot be said yet: call again at the same rule when more bytes came or the inspection delay ended.
    Wait,
    /// `reject`: end the connection, without an answer.
    Reject,
    /// `silent-drop`: forget the connection, the client must not notice.
    SilentDrop,
    /// `close` of `tcp-response content`: end the server's side.
    Close,
    /// The request or response is refused: counted as denied (`dreq`, `dresp`), logged with flags `PR--` or `PH--`.
    Deny(Reply),
    /// As `Deny`, sent after `timeout tarpit` (`PT--`).
    Tarpit(Reply),
    /// Answered here, on purpose: `return`, `redirect` (logged with `LR--`).
    Reply(Reply),
    /// `auth`: the page of 401 with `www-authenticate: Basic realm="..."` added ([`Answer::unauthorized`]). With
    /// `option http-use-proxy-header` a client that takes us for its proxy gets 407 and `proxy-authenticate`.
    ///
    /// [`Answer::unauthorized`]: crate::http::Answer::unauthorized
    Unauthorized { realm: String },
    /// `use-service prometheus-exporter`.
    PrometheusExporter,
    /// `expect-proxy layer4`: read a PROXY header from this connection, then go on after this rule.
    ExpectProxy,
    /// `switch-mode http`: go on as HTTP; `proto h2` skips the detection.
    SwitchToHttp { h2: bool },
    /// Wait for the body, `millis` at most, until it is whole or has this many bytes (0: whole); then go on.
    WaitForBody { millis: u64, at_least: u64 },
    /// Wait for the handshake that early data precedes, then go on.
    WaitForHandshake,
    /// A rule could not do its work (`strict-mode on`): answer 500.
    Failed,
}
