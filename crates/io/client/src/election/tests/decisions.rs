//! What a candidate makes of a lease, case by case.

use crate::election::record::{Now, Record, Seen, decide};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const SECOND: i64 = 1_000_000;

/// What `me` decides 100 s into the epoch about a record held by `holder` for 15 s, unchanged for `age` seconds.
fn decided(holder: &str, age: u64) -> String {
    let start = Instant::now();
    let record =
        Record { holder: holder.to_owned(), seconds: 15, acquired: 40 * SECOND, renewed: 50 * SECOND, transitions: 3 };
    let now = Now { me: "me", seconds: 20, instant: start + Duration::from_secs(age), micros: 100 * SECOND };
    shown(decide(now, Some(&Seen { record, since: start })))
}

fn shown(record: Option<Record>) -> String {
    record.map_or("wait".to_owned(), |record| {
        let Record { holder, seconds, acquired, renewed, transitions } = record;
        format!("{holder} for {seconds}, since {}, renewed {}, {transitions}", acquired / SECOND, renewed / SECOND)
    })
}

#[test]
fn nobody_has_it() {
    let now = Now { me: "me", seconds: 20, instant: Instant::now(), micros: 100 * SECOND };
    assert_eq!(shown(decide(now, None)), "me for 20, since 100, renewed 100, 0");
    assert_eq!(decided("", 0), "me for 20, since 100, renewed 100, 4");
}

#[test]
fn another_has_it_until_it_has_not_changed_for_its_time() {
    assert_eq!(decided("other", 0), "wait");
    assert_eq!(decided("other", 14), "wait");
    assert_eq!(decided("other", 15), "me for 20, since 100, renewed 100, 4");
}

#[test]
fn our_own_is_renewed_however_old() {
    assert_eq!(decided("me", 0), "me for 20, since 40, renewed 100, 3");
    assert_eq!(decided("me", 1000), "me for 20, since 40, renewed 100, 3");
}

#[test]
fn a_lease_is_written_as_upstream_writes_it() {
    let mut lease = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"strategy": "OldestEmulationVersion"}});
    let record = Record { holder: "me".to_owned(), seconds: 15, acquired: 1, renewed: 61 * SECOND, transitions: 2 };
    record.write(&mut lease);
    let spec = json!({
        "strategy": "OldestEmulationVersion", "holderIdentity": "me", "leaseDurationSeconds": 15,
        "acquireTime": "1970-01-01T00:00:00.000001Z", "renewTime": "1970-01-01T00:01:01.000000Z", "leaseTransitions": 2,
    });
    assert_eq!(lease, json!({"metadata": {"labels": {"a": "b"}}, "spec": spec}));
    assert_eq!(Record::read(&lease), record);
}

#[test]
fn a_lease_may_say_nothing() {
    for lease in [json!({}), json!({"spec": null}), json!({"spec": {"holderIdentity": null}})] {
        assert_eq!(Record::read(&lease), Record::default());
    }
}
