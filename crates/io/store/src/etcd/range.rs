//! Reads: pages of a range, all at the revision of the first; and what revisions can be read.

use super::client::{Client, Nature};
use super::grpc::CallError;
use super::{is_compacted, is_future, proto, range_end, watch};
use crate::{KeyValue, Range, RangeResult, ReadError, Revision, sealer};
use bytes::Bytes;

pub const RANGE: &str = "/etcdserverpb.KV/Range";
/// Keys of one answer, at most (a few MB of usual objects). Upstream: the default of kubectl's `--chunk-size`.
const PAGE: usize = 500;

async fn ask(client: &Client, request: &proto::RangeRequest) -> Result<proto::RangeResponse, CallError> {
    let answer: proto::RangeResponse = client.call(RANGE, request, Nature::Repeatable).await?;
    client.term.learn(answer.header.as_ref());
    Ok(answer)
}

/// The newest revision: every answer names it.
pub async fn newest(client: &Client) -> Result<Revision, CallError> {
    Ok(proto::revision(&ask(client, &newest_request()).await?.header))
}

/// A linearizable read of nothing.
pub fn newest_request() -> proto::RangeRequest {
    proto::RangeRequest { key: vec![0], count_only: true, ..Default::default() }
}

/// Fails as a read at `revision` would.
pub async fn check(client: &Client, revision: Revision) -> Result<(), CallError> {
    let revision = revision.max(1).cast_signed();
    let request = proto::RangeRequest { key: vec![0], count_only: true, revision, ..Default::default() };
    ask(client, &request).await.map(drop)
}

pub async fn get(client: &Client, key: &str) -> Result<Option<KeyValue>, ReadError> {
    let request = proto::RangeRequest { key: place(client, key), ..Default::default() };
    match ask(client, &request).await {
        Ok(answer) => answer.kvs.into_iter().next().map(|item| key_value(client, item)).transpose(),
        Err(error) => Err(ReadError::Io(error.to_string())),
    }
}

pub async fn read(client: &Client, range: &Range) -> Result<RangeResult, ReadError> {
    loop {
        match pages(client, range).await {
            Ok(result) => return result,
            // Compacted while we read the present page by page: there is a newer present.
            Err(error) if range.at.is_none() && is_compacted(&error) => {}
            Err(error) => return Err(read_error(client, error, range.at.unwrap_or(0)).await),
        }
    }
}

async fn pages(client: &Client, range: &Range) -> Result<Result<RangeResult, ReadError>, CallError> {
    let start = place(client, &range.prefix);
    let after = range.after.as_ref().map(|after| [place(client, after), vec![0]].concat());
    let mut request = proto::RangeRequest {
        key: after.filter(|after| *after > start).unwrap_or(if start.is_empty() { vec![0] } else { start }),
        range_end: range_end(&format!("{}{}", client.options.prefix, range.prefix)),
        // etcd's empty store has revision 1, and 0 would be the newest.
        revision: range.at.map_or(0, |at| at.max(1).cast_signed()),
        ..Default::default()
    };
    let wanted = if range.limit == 0 { usize::MAX } else { range.limit };
    let mut result = RangeResult { items: Vec::new(), revision: 0, remaining: 0 };
    loop {
        request.limit = PAGE.min(wanted - result.items.len()) as i64;
        let answer = ask(client, &request).await?;
        if result.revision == 0 {
            result.revision = proto::revision(&answer.header);
            request.revision = range.at.map_or(result.revision, |at| at.max(1)).cast_signed();
        }
        let Some(last) = answer.kvs.last() else { return Ok(Ok(result)) };
        request.key = [last.key.as_slice(), &[0]].concat();
        result.remaining = answer.count as usize - answer.kvs.len();
        for item in answer.kvs {
            match key_value(client, item) {
                Ok(item) => result.items.push(item),
                Err(error) => return Ok(Err(error)),
            }
        }
        if result.remaining == 0 || result.items.len() == wanted {
            return Ok(Ok(result));
        }
    }
}

async fn read_error(client: &Client, error: CallError, asked: Revision) -> ReadError {
    if is_compacted(&error) {
        return ReadError::Compacted { asked, oldest: oldest(client, asked).await };
    }
    if is_future(&error) {
        // Who cannot be asked has at least the one before.
        let newest = newest(client).await.unwrap_or(asked.saturating_sub(1));
        return ReadError::Future { asked, newest };
    }
    ReadError::Io(error.to_string())
}

/// The oldest revision kept, once `asked` is known to be compacted. Only watches are told it.
pub async fn oldest(client: &Client, asked: Revision) -> Revision {
    match watch::compacted(client).await {
        Ok(oldest) => oldest,
        Err(error) => {
            tracing::debug!(%error, "etcd did not tell the oldest revision");
            asked + 1
        }
    }
}

/// Where a key of ours is in etcd.
pub fn place(client: &Client, key: &str) -> Vec<u8> {
    [client.options.prefix.as_bytes(), key.as_bytes()].concat()
}

/// A key of etcd's as ours.
pub fn key(client: &Client, place: &[u8]) -> Result<crate::Key, String> {
    let key = place.strip_prefix(client.options.prefix.as_bytes()).unwrap_or(place);
    let key = std::str::from_utf8(key);
    key.map(Into::into).map_err(|_| format!("a foreign key in etcd: {}. Remove it", String::from_utf8_lossy(place)))
}

/// A value of etcd's as ours.
pub fn unsealed(client: &Client, key: &str, stored: Bytes) -> Result<Bytes, String> {
    sealer::unsealed(&client.options.seal, key, stored).map_err(|error| error.to_string())
}

pub fn key_value(client: &Client, item: proto::KeyValue) -> Result<KeyValue, ReadError> {
    let key = key(client, &item.key).map_err(ReadError::Io)?;
    Ok(KeyValue {
        value: unsealed(client, &key, item.value.into()).map_err(ReadError::Io)?,
        key,
        created: item.create_revision.cast_unsigned(),
        modified: item.mod_revision.cast_unsigned(),
    })
}
