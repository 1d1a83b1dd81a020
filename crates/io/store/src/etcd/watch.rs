//! A watch: a stream of etcd's that is opened anew from the last change whenever it breaks.
//!
//! The stream is asked to begin one revision early, at the last one that was told, and what was told is dropped. So
//! etcd itself says if the history after it is not whole any more: it serves a watch from a revision or refuses it.
//!
//! Invariants
//! - `told` moves when a batch is returned, and a batch holds whole revisions.
//! - State is kept here, not in the future of `next`: it may be dropped at any `await`.
//! - A reader who stops is served later from etcd's history; only the stream's window is kept for him.

use super::client::{Client, Stream, passing};
use super::grpc::CallError;
use super::{is_compacted, proto, range, range_end};
use crate::{Change, Revision, Watch, WatchError};
use async_trait::async_trait;
use bytes::Bytes;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use stdx::Backoff;
use tokio::time::timeout;

const WATCH: &str = "/etcdserverpb.Watch/Watch";
/// The gRPC code of a revision that cannot be served.
const OUT_OF_RANGE: u32 = 11;
/// Waits between attempts to open the stream anew.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const MAX_WAIT: Duration = Duration::from_secs(1);

type Opening = Pin<Box<dyn Future<Output = Result<Stream, CallError>> + Send + Sync>>;

enum State {
    /// A stream is being opened.
    Opening(Opening),
    Open(Stream),
}

pub struct EtcdWatch {
    client: Arc<Client>,
    prefix: String,
    /// All changes up to this revision were returned, or there are none.
    told: Revision,
    state: State,
    /// The part that has come of a transaction that etcd sends in fragments.
    pending: Vec<proto::Event>,
    backoff: Backoff,
}

impl EtcdWatch {
    pub async fn start(client: Arc<Client>, prefix: &str, after: Revision) -> Result<Self, WatchError> {
        let cut = |error: CallError| WatchError::Cut(error.to_string());
        let prefix = format!("{}{prefix}", client.options.prefix);
        let (stream, newest) = open(&client, &prefix, after).await.map_err(cut)?;
        if after < newest {
            match range::check(&client, after).await {
                Err(error) if is_compacted(&error) => {
                    return Err(WatchError::Compacted { asked: after, oldest: range::oldest(&client, after).await });
                }
                checked => checked.map_err(cut)?,
            }
        }
        let backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
        Ok(Self { client, prefix, told: after, state: State::Open(stream), pending: Vec::new(), backoff })
    }

    /// The next response of the stream. Cancelled, it goes on where it was.
    async fn response(&mut self) -> Result<proto::WatchResponse, CallError> {
        loop {
            match &mut self.state {
                State::Opening(opening) => {
                    let stream = opening.await?;
                    self.state = State::Open(stream);
                }
                State::Open(stream) => {
                    let response = tokio::select! {
                        response = stream.answers.message() => response?,
                        // Found dead by a call; the stream would learn of it only by its own keepalive.
                        () = self.client.left(&stream.endpoint) => {
                            return Err(CallError::Lost("calls go to another member".into()));
                        }
                    };
                    return response.ok_or_else(|| CallError::Lost("etcd ended the watch".into()));
                }
            }
        }
    }

    /// Opens a stream anew, later the more attempts have failed in a row.
    fn reopen(&mut self, error: &CallError) {
        let wait = self.backoff.fail();
        tracing::debug!(%error, after = self.told, "watches etcd anew");
        self.pending.clear();
        let (client, prefix, told) = (self.client.clone(), self.prefix.clone(), self.told);
        self.state = State::Opening(Box::pin(async move {
            tokio::time::sleep(wait).await;
            open(&client, &prefix, told).await.map(|(stream, _)| stream)
        }));
    }

    /// What of a response is to be told.
    fn take_in(&mut self, response: proto::WatchResponse) -> Result<Vec<Change>, WatchError> {
        self.backoff.reset();
        self.pending.extend(response.events);
        let mut events = std::mem::take(&mut self.pending);
        if response.fragment {
            // The last transaction may go on in the next fragment.
            let last = events.last().map_or(0, modified);
            self.pending = events.split_off(events.partition_point(|event| modified(event) < last));
        } else if events.is_empty() && !response.created {
            // Progress: etcd has told all up to here.
            self.told = self.told.max(proto::revision(&response.header));
        }
        let mut changes = Vec::with_capacity(events.len());
        for event in events {
            let Some(kv) = event.kv else { continue };
            let revision = kv.mod_revision.cast_unsigned();
            if revision <= self.told {
                continue;
            }
            let deleted = event.kind == 1;
            if event.prev_kv.is_none() && (deleted || kv.create_revision != kv.mod_revision) {
                // etcd looks the old value up when it sends, and does not find what has been compacted meanwhile.
                return Err(WatchError::Compacted { asked: self.told, oldest: revision });
            }
            let key = range::key(&self.client, &kv.key).map_err(WatchError::Cut)?;
            let value = (!deleted).then(|| self.unsealed(&key, kv.value)).transpose()?;
            let previous = event.prev_kv.map(|kv| self.unsealed(&key, kv.value)).transpose()?;
            changes.push(Change { revision, key, value, previous });
        }
        if let Some(last) = changes.last() {
            self.told = last.revision;
        }
        Ok(changes)
    }

    fn unsealed(&self, key: &str, stored: Vec<u8>) -> Result<Bytes, WatchError> {
        range::unsealed(&self.client, key, stored.into()).map_err(WatchError::Cut)
    }
}

#[async_trait]
impl Watch for EtcdWatch {
    async fn next(&mut self) -> Result<Vec<Change>, WatchError> {
        loop {
            match self.response().await {
                Ok(response) if response.compact_revision != 0 => {
                    let oldest = response.compact_revision.cast_unsigned();
                    return Err(WatchError::Compacted { asked: self.told, oldest });
                }
                Ok(response) if response.canceled => {
                    let reason = response.cancel_reason;
                    if !reason.ends_with("no leader") {
                        return Err(WatchError::Cut(reason));
                    }
                    self.reopen(&CallError::Lost(reason));
                }
                Ok(response) => {
                    let changes = self.take_in(response)?;
                    if !changes.is_empty() {
                        return Ok(changes);
                    }
                }
                Err(error) if is_compacted(&error) => {
                    let (asked, oldest) = (self.told, range::oldest(&self.client, self.told).await);
                    return Err(WatchError::Compacted { asked, oldest });
                }
                Err(error) if passing(&error) => self.reopen(&error),
                Err(error) => return Err(WatchError::Cut(error.to_string())),
            }
        }
    }
}

fn modified(event: &proto::Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

/// Opens a stream that begins with the changes of revision `told`; also gives the newest revision its member had.
async fn open(client: &Client, prefix: &str, told: Revision) -> Result<(Stream, Revision), CallError> {
    let create = proto::WatchCreateRequest {
        key: if prefix.is_empty() { vec![0] } else { prefix.as_bytes().to_vec() },
        range_end: range_end(prefix),
        // 0 would be "from now on"; etcd's empty store has revision 1.
        start_revision: told.max(1).cast_signed(),
        progress_notify: true,
        prev_kv: true,
        fragment: true,
    };
    let mut stream = client.stream(WATCH, &proto::WatchRequest { create: Some(create) }).await?;
    let created = first_response(client, &mut stream).await?;
    if created.canceled {
        return Err(CallError::Status { code: OUT_OF_RANGE, message: created.cancel_reason });
    }
    Ok((stream, proto::revision(&created.header)))
}

async fn first_response(client: &Client, stream: &mut Stream) -> Result<proto::WatchResponse, CallError> {
    let lost = |text: &str| CallError::Lost(text.into());
    let response = timeout(client.options.attempt_timeout, stream.answers.message()).await;
    response.map_err(|_| lost("etcd did not answer a watch"))??.ok_or_else(|| lost("etcd ended the watch"))
}

/// The oldest revision kept, if anything is compacted: a watch of all history is refused with it.
pub async fn compacted(client: &Client) -> Result<Revision, CallError> {
    let create = proto::WatchCreateRequest { key: vec![0], start_revision: 1, ..Default::default() };
    let mut stream = client.stream(WATCH, &proto::WatchRequest { create: Some(create) }).await?;
    loop {
        let response = first_response(client, &mut stream).await?;
        if response.compact_revision != 0 {
            return Ok(response.compact_revision.cast_unsigned());
        }
    }
}
