//! What a Lease says, and what a candidate makes of it.

use apimachinery::{Value, time};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// The `spec` of a Lease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Empty: nobody, it was given back.
    pub holder: String,
    /// For how long the holder is believed after a renewal.
    pub seconds: i64,
    /// Microseconds since 1970, by the holder's clock.
    pub acquired: i64,
    pub renewed: i64,
    /// How often it has changed hands.
    pub transitions: i64,
}

/// A record, and since when by our own clock it is what it is.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub record: Record,
    pub since: Instant,
}

/// Who decides, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now<'a> {
    pub me: &'a str,
    /// For how long we want to be believed.
    pub seconds: i64,
    pub instant: Instant,
    /// Microseconds since 1970.
    pub micros: i64,
}

impl Record {
    pub fn read(lease: &Value) -> Self {
        let spec = &lease["spec"];
        let number = |field: &str| spec[field].as_i64().unwrap_or(0);
        let at = |field: &str| spec[field].as_str().and_then(time::parse_micros).unwrap_or(0);
        Self {
            holder: spec["holderIdentity"].as_str().unwrap_or_default().to_owned(),
            seconds: number("leaseDurationSeconds"),
            acquired: at("acquireTime"),
            renewed: at("renewTime"),
            transitions: number("leaseTransitions"),
        }
    }

    /// Leaves alone what is not ours: labels, annotations, other fields.
    pub fn write(&self, lease: &mut Value) {
        lease["spec"]["holderIdentity"] = self.holder.as_str().into();
        lease["spec"]["leaseDurationSeconds"] = self.seconds.into();
        lease["spec"]["acquireTime"] = json!(time::format_micros(self.acquired));
        lease["spec"]["renewTime"] = json!(time::format_micros(self.renewed));
        lease["spec"]["leaseTransitions"] = self.transitions.into();
    }

    /// As it is given back: nobody's. A lease must have a duration, so it has the shortest.
    pub fn given_back(&self, now: i64) -> Self {
        Self { holder: String::new(), seconds: 1, acquired: now, renewed: now, transitions: self.transitions }
    }
}

/// What to write to be the leader, or to stay it; None while somebody else is. `seen` is None where there is no lease.
pub(super) fn decide(now: Now<'_>, seen: Option<&Seen>) -> Option<Record> {
    let taken = Record {
        holder: now.me.to_owned(),
        seconds: now.seconds,
        acquired: now.micros,
        renewed: now.micros,
        transitions: 0,
    };
    let Some(Seen { record, since }) = seen else { return Some(taken) };
    if record.holder == now.me {
        return Some(Record { acquired: record.acquired, transitions: record.transitions, ..taken });
    }
    let believed = Duration::from_secs(u64::try_from(record.seconds).unwrap_or(0));
    let held = !record.holder.is_empty() && now.instant < *since + believed;
    (!held).then(|| Record { transitions: record.transitions + 1, ..taken })
}
