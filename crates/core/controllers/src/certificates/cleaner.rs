//! Cleans requests away that nobody needs any more: an hour after they were settled, a day after they were made, or
//! when their certificate has expired.
//!
//! Upstream: `pkg/controller/certificates/cleaner/cleaner.go`.

use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Value, time};
use kinds::certificates::certificate_signing_request::{expires, is_issued};
use kinds::read::{list, text};
use kinds::resources::CERTIFICATE_SIGNING_REQUESTS;
use std::time::Duration;
use stdx::Timestamp;

/// Of what was granted and signed, denied, or failed.
const SETTLED: Duration = Duration::from_secs(3600);
/// Of what still waits.
const PENDING: Duration = Duration::from_secs(24 * 3600);

pub struct Cleaner;

impl Controller for Cleaner {
    fn name(&self) -> &'static str {
        "certificate-cleaner"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&CERTIFICATE_SIGNING_REQUESTS] }
    }

    fn affected(&self, _: Change<'_>, _: &dyn View) -> Vec<String> {
        Vec::new()
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let Some(object) = view.get(&CERTIFICATE_SIGNING_REQUESTS, key) else { return Plan::rest() };
        let Some(end) = end(&object.to_value()).filter(|_| !object.head.is_deleting()) else { return Plan::rest() };
        if end > now {
            return Plan { actions: Vec::new(), again: Some(end.since(now)) };
        }
        Plan::of(vec![Action::delete(&CERTIFICATE_SIGNING_REQUESTS, &object)])
    }
}

/// When a request goes.
fn end(csr: &Value) -> Option<Timestamp> {
    let at = |text: &str| time::parse_seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    let made = at(text(&csr["metadata"], "creationTimestamp")).map(|made| Timestamp::from_secs(made) + PENDING);
    let settled = list(&csr["status"], "conditions").iter().filter_map(|condition| {
        let counts = match text(condition, "type") {
            "Approved" => is_issued(csr),
            kind => matches!(kind, "Denied" | "Failed"),
        };
        at(text(condition, "lastUpdateTime")).filter(|_| counts).map(|since| Timestamp::from_secs(since) + SETTLED)
    });
    let expired = expires(csr).and_then(|end| u64::try_from(end).ok()).map(Timestamp::from_secs);
    settled.chain(made).chain(expired).min()
}
