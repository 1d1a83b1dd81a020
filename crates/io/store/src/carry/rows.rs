//! What etcd keeps in its database: rows by revision, leases, how far it is compacted.
//!
//! Upstream: `mvcc/kvstore.go`, `mvcc/revision.go`, `mvccpb/kv.proto`, `lease/leasepb/lease.proto` (v3.4; unchanged in v3.6).

use crate::Revision;
use crate::embedded::{Entry, RowId};
use prost::Message;
use std::collections::BTreeSet;

/// All that v3.4 makes, in the order of their names; later versions expect some of the empty ones to be there.
pub const BUCKETS: [&str; 10] =
    ["alarm", "auth", "authRoles", "authUsers", "cluster", "key", "lease", "members", "members_removed", "meta"];

/// Keys that expire in the same span of so many seconds share a lease: they live that much longer at most. An hour of
/// Events is some hundred leases then.
const SPAN: u64 = 10;

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    create_revision: i64,
    #[prost(int64, tag = "3")]
    mod_revision: i64,
    #[prost(int64, tag = "4")]
    version: i64,
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
    #[prost(int64, tag = "6")]
    lease: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Lease {
    #[prost(int64, tag = "1")]
    id: i64,
    /// Seconds, counted anew from etcd's start.
    #[prost(int64, tag = "2")]
    ttl: i64,
}

/// A row's key: revision and place in its transaction.
pub fn position(row: RowId) -> Vec<u8> {
    revision(row.revision(), row.place())
}

fn revision(main: Revision, sub: u64) -> Vec<u8> {
    [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes()].concat()
}

/// `stored`: the value as etcd is given it.
pub fn row(key: &str, entry: &Entry, stored: &[u8], lease: i64) -> Vec<u8> {
    let row = KeyValue {
        key: key.as_bytes().to_vec(),
        create_revision: entry.created.cast_signed(),
        mod_revision: entry.row.revision().cast_signed(),
        // How often it was written is not known here; that it was created and not changed is.
        version: if entry.created == entry.row.revision() { 1 } else { 2 },
        value: stored.to_vec(),
        lease,
    };
    row.encode_to_vec()
}

/// As after a compaction at this revision that is over. A newest revision below it is raised to it by etcd, which matters
/// where the last write was a deletion.
pub fn compaction(at: Revision) -> [(Vec<u8>, Vec<u8>); 2] {
    ["finishedCompactRev", "scheduledCompactRev"].map(|name| (name.as_bytes().to_vec(), revision(at, 0)))
}

/// One for each span of time in which something expires.
pub struct Leases {
    spans: Vec<u64>,
    now: u64,
}

impl Leases {
    /// `expiries` and `now`: Unix seconds.
    pub fn of(expiries: impl Iterator<Item = u64>, now: u64) -> Self {
        let spans: BTreeSet<u64> = expiries.map(span).collect();
        Self { spans: spans.into_iter().collect(), now }
    }

    /// 0: none.
    pub fn id(&self, expires: Option<u64>) -> i64 {
        let place = expires.and_then(|expires| self.spans.binary_search(&span(expires)).ok());
        place.map_or(0, |place| place as i64 + 1)
    }

    pub fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let row = |(span, id): (&u64, i64)| {
            let ttl = (span * SPAN).saturating_sub(self.now).max(1);
            (id.to_be_bytes().to_vec(), Lease { id, ttl: ttl.cast_signed() }.encode_to_vec())
        };
        self.spans.iter().zip(1..).map(row).collect()
    }
}

/// The span that ends at or after this second.
fn span(expires: u64) -> u64 {
    expires.div_ceil(SPAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expires_together_shares_a_lease_and_none_dies_early() {
        let leases = Leases::of([1_000_001, 1_000_010, 1_000_011, 999_000].into_iter(), 1_000_000);
        let ids = [Some(999_000), Some(1_000_001), Some(1_000_010), Some(1_000_011), None].map(|at| leases.id(at));
        assert_eq!(ids, [1, 2, 2, 3, 0]);
        let ttls = leases.rows().into_iter().map(|(_, value)| Lease::decode(&*value).unwrap().ttl);
        assert_eq!(ttls.collect::<Vec<_>>(), [1, 10, 20]);
    }

    #[test]
    fn positions_sort_as_revisions_do() {
        let ids = [RowId::new(1, 0), RowId::new(1, 1), RowId::new(255, 3), RowId::new(256, 0)];
        assert!(ids.map(position).is_sorted());
        assert_eq!(position(ids[2]), b"\0\0\0\0\0\0\0\xff_\0\0\0\0\0\0\0\x03");
    }
}
