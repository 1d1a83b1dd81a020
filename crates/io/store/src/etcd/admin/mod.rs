//! What an operator asks of etcd: who its members are, alarms, room on the disk, snapshots.
//!
//! Upstream: `etcdserverpb/rpc.proto`, the services Cluster and Maintenance.
//!
//! Invariants
//! - A change of the members is not sent again once it was sent: whoever is told [`AdminError::Unknown`] asks first.

mod proto;
mod snapshot;

pub(super) use proto::{Empty, StatusResponse as Status};
pub use snapshot::SnapshotInfo;

use super::client::{Client, Nature};
use super::grpc::CallError;
use super::proto::revision;
use super::{EtcdError, EtcdOptions};
use crate::Revision;
use prost::Message;
use std::path::PathBuf;
use std::time::Duration;

const ADD: &str = "/etcdserverpb.Cluster/MemberAdd";
const REMOVE: &str = "/etcdserverpb.Cluster/MemberRemove";
const UPDATE: &str = "/etcdserverpb.Cluster/MemberUpdate";
pub(super) const LIST: &str = "/etcdserverpb.Cluster/MemberList";
const PROMOTE: &str = "/etcdserverpb.Cluster/MemberPromote";
const ALARM: &str = "/etcdserverpb.Maintenance/Alarm";
pub(super) const STATUS: &str = "/etcdserverpb.Maintenance/Status";
const DEFRAGMENT: &str = "/etcdserverpb.Maintenance/Defragment";
const REVOKE: &str = "/etcdserverpb.Lease/LeaseRevoke";

/// A member answers nothing while it defragments: about 10 s for each GB on a slow disk.
const DEFRAGMENT_LIMIT: Duration = Duration::from_secs(120);
/// etcd itself gives a change up after this time (upstream: `ReqTimeout`, 7 s), so its outcome is then known.
const CHANGE_LIMIT: Duration = Duration::from_secs(8);
/// The value of `action` that disarms.
const DISARM: i32 = 2;
/// What a cluster says that will say otherwise in a while (upstream: `etcdserver/api/v3rpc/rpctypes/error.go`).
const PASSING: [&str; 6] = [
    "etcdserver: too many learner members in cluster",
    "etcdserver: unhealthy cluster",
    "etcdserver: can only promote a learner member which is in sync with leader",
    "etcdserver: re-configuration failed due to not enough started members",
    "etcdserver: leader changed",
    "etcdserver: no leader",
];

/// How what etcd says begins if it lost sight of a change: it may still come.
const OPEN: [&str; 2] = ["etcdserver: request timed out", "etcdserver: server stopped"];

/// A member as the cluster knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: u64,
    /// Empty until it has started for the first time.
    pub name: String,
    pub peer_urls: Vec<String>,
    /// Empty until it has started for the first time.
    pub client_urls: Vec<String>,
    /// It is told everything but has no vote.
    pub is_learner: bool,
}

/// What one member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    pub member_id: u64,
    /// `3.4.23`.
    pub version: String,
    /// Bytes of its database file; etcd refuses writes at `--quota-backend-bytes`.
    pub database_bytes: u64,
    /// Bytes of that which are in use: the rest is freed by [`EtcdAdmin::defragment`].
    pub used_bytes: u64,
    pub is_leader: bool,
    /// There is a leader, and this member knows it.
    pub has_leader: bool,
    pub is_learner: bool,
    /// The newest revision it has; a follower may lag behind.
    pub revision: Revision,
}

/// An alarm stands until it is disarmed, also when its cause is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    pub member_id: u64,
    pub kind: AlarmKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmKind {
    /// A database has reached its quota: deletes only.
    NoSpace,
    /// The members' databases differ: restore the member from the others.
    Corrupt,
    /// One that a later etcd has.
    Other(i32),
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nothing was changed.
    #[error("etcd does not answer: {0}. Check that a majority of its members runs, the endpoints and certificates")]
    Unreachable(String),
    /// etcd says no; nothing was changed.
    #[error("etcd refuses: {0}")]
    Refused(String),
    #[error("whether etcd did it is not known: {0}. Ask for its state before trying again")]
    Unknown(String),
    #[error("the snapshot {path}: {source}. Check that the folder is there and may be written, and the disk's space")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the snapshot is damaged: {0}. Take another one")]
    Damaged(String),
}

impl AdminError {
    /// Trying again later may help, and does no harm.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(text) => PASSING.contains(&text.as_str()),
            _ => false,
        }
    }

    fn of(error: CallError) -> Self {
        match error {
            CallError::NotSent(text) => Self::Unreachable(text),
            CallError::Lost(text) => Self::Unknown(text),
            CallError::Status { code: 1 | 2 | 4 | 13 | 14, message } if !message.starts_with("etcdserver: ") => {
                Self::Unknown(message)
            }
            CallError::Status { message, .. } if OPEN.iter().any(|text| message.starts_with(text)) => {
                Self::Unknown(message)
            }
            CallError::Status { message, .. } => Self::Refused(message),
        }
    }
}

/// Connects when it is asked, so that it can be made before etcd runs.
pub struct EtcdAdmin {
    client: Client,
    /// For a status, which no member has to wait for.
    brief: Duration,
}

impl EtcdAdmin {
    /// Of the options, `prefix` and `seal` mean nothing here.
    ///
    /// # Errors
    /// If endpoints or certificates cannot be used.
    pub fn new(mut options: EtcdOptions) -> Result<Self, EtcdError> {
        let brief = options.attempt_timeout;
        options.attempt_timeout = brief.max(CHANGE_LIMIT);
        Ok(Self { client: Client::new(options)?, brief })
    }

    /// Asks each endpoint how its member is; an error's text where it does not answer.
    pub async fn statuses(&self) -> Vec<(String, Result<MemberStatus, String>)> {
        statuses(&self.client, self.brief).await
    }

    /// The members as one of them knows them.
    pub async fn members(&self) -> Result<Vec<Member>, AdminError> {
        let answer: proto::MembersResponse = self.call(LIST, &proto::Empty {}, Nature::Repeatable).await?;
        Ok(members(answer.members))
    }

    /// Adds a member without a vote. Returns it, and all members with it: what its `--initial-cluster` is made of.
    pub async fn add_learner(&self, peer_url: &str) -> Result<(Member, Vec<Member>), AdminError> {
        let request = proto::AddRequest { peer_urls: vec![peer_url.to_owned()], is_learner: true };
        let answer: proto::AddResponse = self.call(ADD, &request, Nature::Once).await?;
        let added = answer.member.ok_or_else(|| AdminError::Unknown("it does not say whom it added".into()))?;
        Ok((member(added), members(answer.members)))
    }

    /// Gives a learner its vote. Refused until it has caught up ([`AdminError::is_passing`]).
    pub async fn promote(&self, id: u64) -> Result<(), AdminError> {
        self.call::<proto::MembersResponse>(PROMOTE, &proto::MemberId { id }, Nature::Once).await.map(drop)
    }

    /// Removes a member, dead or alive; if it lives, its process ends. Refused where too few would be left to vote.
    pub async fn remove(&self, id: u64) -> Result<(), AdminError> {
        self.call::<proto::MembersResponse>(REMOVE, &proto::MemberId { id }, Nature::Once).await.map(drop)
    }

    /// Tells the others a member's new address.
    pub async fn update(&self, id: u64, peer_url: &str) -> Result<(), AdminError> {
        let request = proto::UpdateRequest { id, peer_urls: vec![peer_url.to_owned()] };
        self.call::<proto::MembersResponse>(UPDATE, &request, Nature::Repeatable).await.map(drop)
    }

    pub async fn alarms(&self) -> Result<Vec<Alarm>, AdminError> {
        let answer: proto::AlarmResponse =
            self.call(ALARM, &proto::AlarmRequest::default(), Nature::Repeatable).await?;
        Ok(answer.alarms.into_iter().map(alarm).collect())
    }

    /// Ends an alarm; where its cause lasts, etcd raises it again.
    pub async fn disarm(&self, alarm: Alarm) -> Result<(), AdminError> {
        let kind = match alarm.kind {
            AlarmKind::NoSpace => 1,
            AlarmKind::Corrupt => 2,
            AlarmKind::Other(kind) => kind,
        };
        let request = proto::AlarmRequest { action: DISARM, member_id: alarm.member_id, alarm: kind };
        self.call::<proto::AlarmResponse>(ALARM, &request, Nature::Repeatable).await.map(drop)
    }

    /// Gives back to the disk what compaction has freed in the members' databases, one member after the other: a member
    /// answers nothing meanwhile. Goes on with the others when one fails; the first failure is returned.
    pub async fn defragment(&self) -> Result<(), AdminError> {
        let answers = self.client.ask_all::<proto::Empty>(DEFRAGMENT, &proto::Empty {}, DEFRAGMENT_LIMIT).await;
        answers.into_iter().try_for_each(|(_, answer)| answer.map(drop)).map_err(AdminError::of)
    }

    /// Makes a full database accept writes again, once its history is compacted: defragments every member, then disarms
    /// [`AlarmKind::NoSpace`].
    pub async fn make_room(&self) -> Result<(), AdminError> {
        self.defragment().await?;
        for alarm in self.alarms().await?.into_iter().filter(|alarm| alarm.kind == AlarmKind::NoSpace) {
            self.disarm(alarm).await?;
        }
        Ok(())
    }

    /// Ends a lease: the keys on it are deleted. One that is gone is no error.
    pub async fn revoke_lease(&self, id: i64) -> Result<(), AdminError> {
        match self.call::<proto::Empty>(REVOKE, &proto::LeaseId { id }, Nature::Repeatable).await {
            Err(AdminError::Refused(text)) if text == "etcdserver: requested lease not found" => Ok(()),
            other => other.map(drop),
        }
    }

    async fn call<A: Message + Default>(
        &self,
        path: &str,
        request: &impl Message,
        nature: Nature,
    ) -> Result<A, AdminError> {
        self.client.call(path, request, nature).await.map_err(AdminError::of)
    }
}

pub(super) async fn statuses(client: &Client, limit: Duration) -> Vec<(String, Result<MemberStatus, String>)> {
    let answers = client.ask_all::<proto::StatusResponse>(STATUS, &proto::Empty {}, limit).await;
    let answers =
        answers.into_iter().map(|(endpoint, answer)| (endpoint, answer.map(status).map_err(|error| error.to_string())));
    answers.collect()
}

/// The members as the first endpoint that answers knows them, leader or not.
pub(super) async fn anybodys_members(client: &Client, limit: Duration) -> Option<Vec<Member>> {
    let answers = client.ask_all::<proto::MembersResponse>(LIST, &proto::Empty {}, limit);
    let answers = tokio::time::timeout(limit * 2, answers).await.ok()?;
    answers.into_iter().find_map(|(_, answer)| Some(members(answer.ok()?.members)))
}

fn status(answer: proto::StatusResponse) -> MemberStatus {
    let member_id = answer.header.as_ref().map_or(0, |header| header.member_id);
    MemberStatus {
        member_id,
        is_leader: answer.leader != 0 && answer.leader == member_id,
        has_leader: answer.leader != 0,
        is_learner: answer.is_learner,
        revision: revision(&answer.header),
        database_bytes: answer.db_size.cast_unsigned(),
        used_bytes: answer.db_size_in_use.cast_unsigned(),
        version: answer.version,
    }
}

fn members(members: Vec<proto::Member>) -> Vec<Member> {
    members.into_iter().map(member).collect()
}

fn member(member: proto::Member) -> Member {
    let proto::Member { id, name, peer_urls, client_urls, is_learner } = member;
    Member { id, name, peer_urls, client_urls, is_learner }
}

fn alarm(alarm: proto::AlarmMember) -> Alarm {
    let kind = match alarm.alarm {
        1 => AlarmKind::NoSpace,
        2 => AlarmKind::Corrupt,
        other => AlarmKind::Other(other),
    };
    Alarm { member_id: alarm.member_id, kind }
}
