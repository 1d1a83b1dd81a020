//! The etcd backend: the state lives in an etcd cluster, which several replicas of the control plane may share.
//!
//! One HTTP/2 connection to one member carries all calls and watches; when the member fails, another one takes over.
//! Reads are linearizable. The client is written here (decision 19): that is the messages, gRPC's framing, failover.
//!
//! Invariants
//! - A write is sent again only if it cannot have happened; else the caller is told [`WriteError::Unknown`].
//! - A watch survives any number of broken connections without losing, repeating or reordering a change.
//! - Every call has a deadline.

mod admin;
mod client;
mod connection;
mod diagnosis;
mod grpc;
mod lease;
mod proto;
mod range;
mod term;
mod txn;
mod watch;

pub use admin::{AdminError, Alarm, AlarmKind, EtcdAdmin, Member, MemberStatus, SnapshotInfo};

use crate::{
    Compare, KeyValue, Op, Outcome, Range, RangeResult, ReadError, Revision, Sealer, Store, Watch, WatchError,
    WriteError,
};
use async_trait::async_trait;
use client::{Client, Nature};
use grpc::CallError;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// After this time away from the first endpoint it is asked whether it works again.
const HOME: Duration = Duration::from_secs(2);
const COMPACT: &str = "/etcdserverpb.KV/Compact";

/// Where the cluster is, and how patient we are with it.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// `http://` or `https://`, host, port (2379 if it has none); one for each member. One is used at a time: the first
    /// (best that of this machine) whenever it works.
    pub endpoints: Vec<String>,
    /// Needed by `https://`. Default: none.
    pub tls: Option<EtcdTls>,
    /// Stands before every key in etcd, so that clusters can share one; callers see keys without it. Default: nothing,
    /// so that keys are where Kubernetes has them (`/registry/...`).
    pub prefix: String,
    /// Seals chosen values before etcd sees them (its disks, snapshots and backups). All who share the cluster need the
    /// same key file. Default: none; what is sealed can then not be read.
    pub seal: Option<Arc<Sealer>>,
    /// Longest wait for a connection. Default 2 s.
    pub connect_timeout: Duration,
    /// Longest wait for one member's answer. A read then asks the next, a write is [`WriteError::Unknown`]. Default
    /// 3 s: twice what an election takes.
    pub attempt_timeout: Duration,
    /// After this time no further attempt is begun. Default 10 s.
    pub timeout: Duration,
    /// A connection with a call or watch on it is probed after this silence. Default 6 s; below 5 s etcd closes the
    /// connection (upstream: `--grpc-keepalive-min-time`).
    pub keep_alive: Duration,
    /// A connection whose probe has no answer for so long is dead. Default 3 s.
    pub keep_alive_timeout: Duration,
}

/// What TLS needs, in PEM.
#[derive(Clone)]
pub struct EtcdTls {
    /// Certificates of who signed the members'.
    pub ca: Vec<u8>,
    /// Our certificate (with its chain) and its key, where etcd asks for one (upstream: `--client-cert-auth`).
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdTls").field("client", &self.client.is_some()).finish_non_exhaustive()
    }
}

impl EtcdOptions {
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            prefix: String::new(),
            seal: None,
            connect_timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(6),
            keep_alive_timeout: Duration::from_secs(3),
        }
    }
}

/// Why etcd cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    #[error("etcd's endpoints: {0}")]
    Endpoint(String),
    #[error("TLS to etcd: {0}")]
    Tls(String),
    #[error("etcd does not answer: {0}. Check that a majority of its members runs, the endpoints and certificates")]
    Unreachable(String),
}

/// A cluster of etcd, as a store. Cheap to open; connects anew by itself.
pub struct Etcd {
    client: Arc<Client>,
    leases: lease::Leases,
    diagnosis: diagnosis::Diagnosis,
}

impl Etcd {
    /// Checks the options and waits until the cluster answers (a linearizable read), [`EtcdOptions::timeout`] at most.
    pub async fn connect(options: EtcdOptions) -> Result<Arc<Self>, EtcdError> {
        let diagnosis = diagnosis::Diagnosis::new(options.tls.clone());
        let client = Arc::new(Client::new(options)?);
        if let Err(error) = range::newest(&client).await {
            return Err(EtcdError::Unreachable(diagnosis.of(&client, error.to_string()).await));
        }
        tokio::spawn(keep_home(Arc::downgrade(&client)));
        Ok(Arc::new(Self { client, leases: lease::Leases::default(), diagnosis }))
    }

    /// Takes renewed certificates for the connections that are made from now on; those there are go on.
    pub fn set_tls(&self, tls: &EtcdTls) -> Result<(), EtcdError> {
        self.diagnosis.set_tls(tls);
        self.client.set_tls(tls)
    }

    /// Asks who the members are and uses those that vote, after the first endpoint: a member that joined later can then
    /// stand in, one that left is not asked any more. `own` is what the others call the first endpoint's member.
    ///
    /// # Errors
    /// If nobody says who they are.
    pub async fn learn_members(&self, own: &str) -> Result<(), EtcdError> {
        let Some(members) = admin::anybodys_members(&self.client, self.client.options.attempt_timeout).await else {
            return Err(EtcdError::Unreachable("no member says who the members are".into()));
        };
        let home = self.client.endpoints()[0].uri.clone();
        self.client.set_endpoints(&endpoints(home, own, &members))
    }

    /// What is wrong with the cluster, where that is why a write failed.
    async fn write_error(&self, error: WriteError) -> WriteError {
        match error {
            WriteError::Io(text) => WriteError::Io(self.diagnosis.of(&self.client, text).await),
            WriteError::Unknown(text) => WriteError::Unknown(self.diagnosis.of(&self.client, text).await),
            other => other,
        }
    }

    /// The same for a read.
    async fn read_error(&self, error: ReadError) -> ReadError {
        match error {
            ReadError::Io(text) => ReadError::Io(self.diagnosis.of(&self.client, text).await),
            other => other,
        }
    }

    /// Asks each endpoint how its member is; an error's text where it does not answer.
    pub async fn members(&self) -> Vec<(String, Result<MemberStatus, String>)> {
        admin::statuses(&self.client, self.client.options.attempt_timeout).await
    }
}

#[async_trait]
impl Store for Etcd {
    async fn txn(&self, compares: Vec<Compare>, ops: Vec<Op>) -> Result<Outcome, WriteError> {
        match txn::run(&self.client, &self.leases, compares, ops).await {
            Err(error) => Err(self.write_error(error).await),
            done => done,
        }
    }

    async fn range(&self, range: Range) -> Result<RangeResult, ReadError> {
        match range::read(&self.client, &range).await {
            Err(error) => Err(self.read_error(error).await),
            done => done,
        }
    }

    async fn get(&self, key: &str) -> Result<Option<KeyValue>, ReadError> {
        match range::get(&self.client, key).await {
            Err(error) => Err(self.read_error(error).await),
            done => done,
        }
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>, WatchError> {
        Ok(Box::new(watch::EtcdWatch::start(self.client.clone(), prefix, after).await?))
    }

    async fn compact(&self, revision: Revision) -> Result<(), WriteError> {
        if revision == 0 {
            return Ok(());
        }
        let mut request = proto::CompactionRequest { revision: revision.cast_signed() };
        loop {
            let compacted = self.client.call(COMPACT, &request, Nature::Repeatable).await;
            match compacted.map(|_: proto::CompactionResponse| ()) {
                Err(error) if is_compacted(&error) => return Ok(()),
                Err(error) if is_future(&error) => {
                    let newest =
                        range::newest(&self.client).await.map_err(|error| WriteError::Io(error.to_string()))?;
                    request.revision = newest.cast_signed();
                }
                other => return other.map_err(txn::write_error),
            }
        }
    }

    async fn revision(&self) -> Result<Revision, ReadError> {
        match range::newest(&self.client).await {
            Err(error) => Err(self.read_error(ReadError::Io(error.to_string())).await),
            Ok(newest) => Ok(newest),
        }
    }
}

/// `home`, then where the others are, except `own`. Who has not started yet says nothing of where it is.
fn endpoints(home: String, own: &str, members: &[Member]) -> Vec<String> {
    let others = members.iter().filter(|member| !member.is_learner && !member.client_urls.iter().any(|url| url == own));
    let mut others: Vec<&String> = others.filter_map(|member| member.client_urls.first()).collect();
    others.sort();
    std::iter::once(&home).chain(others.into_iter().filter(|url| **url != home)).cloned().collect()
}

/// Ends when nobody uses the client any more.
async fn keep_home(client: Weak<Client>) {
    loop {
        tokio::time::sleep(HOME).await;
        match client.upgrade() {
            Some(client) => client.go_home().await,
            None => return,
        }
    }
}

fn is_compacted(error: &CallError) -> bool {
    says(error, "etcdserver: mvcc: required revision has been compacted")
}

fn is_future(error: &CallError) -> bool {
    says(error, "etcdserver: mvcc: required revision is a future revision")
}

/// etcd's errors are told apart by their text (upstream: `etcdserver/api/v3rpc/rpctypes/error.go`).
fn says(error: &CallError, text: &str) -> bool {
    matches!(error, CallError::Status { message, .. } if message == text)
}

/// The end of the range of keys that begin with `prefix`: the first key after them. No key of ours ends in 0xff: they
/// are UTF-8. `\0` means: to the last key.
fn range_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    match end.last_mut() {
        Some(last) => *last += 1,
        None => end.push(0),
    }
    end
}
