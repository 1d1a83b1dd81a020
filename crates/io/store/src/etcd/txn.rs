//! Transactions: compares, ops, and the keys compared as they are if a compare fails, in one request.

use super::client::{Client, Nature};
use super::grpc::CallError;
use super::lease::Leases;
use super::{proto, range, says};
use crate::{Compare, Op, Outcome, WriteError, sealer};
use bytes::Bytes;
use std::borrow::Cow;

const TXN: &str = "/etcdserverpb.KV/Txn";
/// The gRPC code "unavailable": etcd also answers so when it lost sight of a proposal.
const UNAVAILABLE: u32 = 14;
/// Codes after which the outcome is open: cancelled, unknown, deadline exceeded, aborted, internal, unavailable.
const OPEN: [u32; 6] = [1, 2, 4, 10, 13, UNAVAILABLE];

pub async fn run(
    client: &Client,
    leases: &Leases,
    compares: Vec<Compare>,
    ops: Vec<Op>,
) -> Result<Outcome, WriteError> {
    let keys = compares.iter().map(|Compare::ModifiedIs(key, _)| range::place(client, key));
    let failure = keys.map(|key| proto::Request::Range(proto::RangeRequest { key, ..Default::default() }));
    let failure = failure.map(request_op).collect();
    let compare = compares.iter().map(|Compare::ModifiedIs(key, revision)| proto::Compare {
        target: proto::Compare::MODIFIED,
        key: range::place(client, key),
        mod_revision: Some(revision.cast_signed()),
    });
    let mut request = proto::TxnRequest { compare: compare.collect(), success: Vec::new(), failure };
    request.success = requests(client, leases, &ops).await?;
    let mut answer = client.call(TXN, &request, Nature::Once).await;
    if answer.as_ref().is_err_and(|error| says(error, "etcdserver: requested lease not found")) {
        // Revoked by somebody, or run out while we waited. Nothing was written.
        leases.forget();
        request.success = requests(client, leases, &ops).await?;
        answer = client.call(TXN, &request, Nature::Once).await;
    }
    outcome(client, answer.map_err(write_error)?)
}

async fn requests(client: &Client, leases: &Leases, ops: &[Op]) -> Result<Vec<proto::RequestOp>, WriteError> {
    let mut requests = Vec::with_capacity(ops.len());
    for op in ops {
        let request = match op {
            Op::Put { key, value, ttl } => {
                let lease = match ttl {
                    Some(ttl) => leases.take(client, *ttl).await?,
                    None => 0,
                };
                let value = sealed(client, key, value)?;
                proto::Request::Put(proto::PutRequest { key: range::place(client, key), value, lease })
            }
            Op::Delete { key } => proto::Request::Delete(proto::DeleteRequest { key: range::place(client, key) }),
        };
        requests.push(request_op(request));
    }
    Ok(requests)
}

/// The bytes that etcd is given for a value.
fn sealed(client: &Client, key: &str, value: &Bytes) -> Result<Bytes, WriteError> {
    match sealer::sealed(&client.options.seal, key, value) {
        Ok(Cow::Borrowed(_)) => Ok(value.clone()),
        Ok(Cow::Owned(sealed)) => Ok(sealed.into()),
        Err(error) => Err(WriteError::Io(error.to_string())),
    }
}

fn request_op(request: proto::Request) -> proto::RequestOp {
    proto::RequestOp { request: Some(request) }
}

fn outcome(client: &Client, answer: proto::TxnResponse) -> Result<Outcome, WriteError> {
    client.term.learn(answer.header.as_ref());
    let revision = proto::revision(&answer.header);
    if answer.succeeded {
        return Ok(Outcome::Done { revision });
    }
    let found = answer.responses.into_iter().map(|response| response.range.unwrap_or_default().kvs.into_iter().next());
    let current = found.map(|item| item.map(|item| range::key_value(client, item)).transpose());
    let current = current.collect::<Result<_, _>>().map_err(|error| WriteError::Io(error.to_string()))?;
    Ok(Outcome::Refused { revision, current })
}

/// What a failed call means for a write.
pub fn write_error(error: CallError) -> WriteError {
    if says(&error, "etcdserver: mvcc: database space exceeded") {
        return WriteError::Full(
            "etcd's database has reached its quota. Delete what is not needed, then compact, `etcdctl defrag` and \
             `etcdctl alarm disarm`; or raise --quota-backend-bytes of every member and disarm"
                .into(),
        );
    }
    match error {
        CallError::NotSent(text) => WriteError::Io(text),
        CallError::Lost(text) => WriteError::Unknown(text),
        CallError::Status { message, .. } if message == "etcdserver: no leader" => WriteError::Io(message),
        CallError::Status { code, .. } if OPEN.contains(&code) => WriteError::Unknown(error.to_string()),
        CallError::Status { .. } => WriteError::Io(error.to_string()),
    }
}
