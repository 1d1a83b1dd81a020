//! Expiry: a key with a TTL hangs on a lease of etcd, and goes when the lease runs out.
//!
//! A lease costs etcd memory and a write to grant, so keys that expire at about the same time share one. Nobody renews
//! a lease: who wants a key to live longer writes it again. After a change of leader etcd lets leases live their whole
//! TTL anew, so a key may stay longer, never shorter.
//!
//! Upstream: `staging/src/k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go`.

use super::client::{Client, Nature};
use super::{proto, txn};
use crate::WriteError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
/// A shared lease lives longer than asked by this part of the TTL, so that later keys can use it.
const SLACK_PART: u32 = 20;
/// But by so much at most: a key may stay a few seconds longer.
const SLACK_MAX: Duration = Duration::from_secs(5);
/// Keys of one lease, at most: they are deleted in one go. Upstream: `defaultLeaseMaxObjectCount`.
const KEYS: u32 = 1000;
/// Leases remembered for sharing, at most; the one that runs out first is forgotten.
const REMEMBERED: usize = 64;

struct Lease {
    id: i64,
    /// It lives until then at least.
    until: Instant,
    keys: u32,
}

/// The leases that later keys may share.
#[derive(Default)]
pub struct Leases(Mutex<Vec<Lease>>);

impl Leases {
    /// A lease that lives `ttl` from now, or a few seconds longer.
    pub async fn take(&self, client: &Client, ttl: Duration) -> Result<i64, WriteError> {
        let slack = (ttl / SLACK_PART).min(SLACK_MAX);
        let now = Instant::now();
        if let Some(id) = self.shared(now, now + ttl, now + ttl + SLACK_MAX) {
            return Ok(id);
        }
        let seconds = (ttl + slack).as_millis().div_ceil(1000).max(1);
        let request = proto::LeaseGrantRequest { ttl: i64::try_from(seconds).unwrap_or(i64::MAX) };
        // A lease granted twice does no harm: the one not known runs out.
        let granted = client.call(GRANT, &request, Nature::Repeatable).await;
        let granted: proto::LeaseGrantResponse = granted.map_err(|error| match txn::write_error(error) {
            // No key was written.
            WriteError::Unknown(text) => WriteError::Io(text),
            other => other,
        })?;
        let until = now + Duration::from_secs(granted.ttl.max(1).cast_unsigned());
        let mut leases = self.leases();
        if leases.len() == REMEMBERED
            && let Some(first) = (0..leases.len()).min_by_key(|place| leases[*place].until)
        {
            leases.swap_remove(first);
        }
        leases.push(Lease { id: granted.id, until, keys: 1 });
        Ok(granted.id)
    }

    /// One that runs out between `from` and `to`.
    fn shared(&self, now: Instant, from: Instant, to: Instant) -> Option<i64> {
        let mut leases = self.leases();
        leases.retain(|lease| lease.until > now && lease.keys < KEYS);
        let lease = leases.iter_mut().find(|lease| lease.until >= from && lease.until <= to)?;
        lease.keys += 1;
        Some(lease.id)
    }

    /// etcd does not know one of them any more: none is shared from now on.
    pub fn forget(&self) {
        self.leases().clear();
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, Vec<Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
