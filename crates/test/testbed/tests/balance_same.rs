//! HAProxy and Barque do the same with the same configuration, or the difference stands in the table.
//!
//! `BALANCE_ONLY=part,of,names` plays some scenarios; `BALANCE_SHOW=1` prints what HAProxy did in them.

use testbed::balance::{Program, suite};

#[test]
fn barque_does_what_haproxy_does() {
    let problems = suite::run([Program::HaProxy, Program::Barque]);
    assert!(problems.is_empty(), "{} scenarios differ:\n{}", problems.len(), problems.join("\n"));
}

/// Whether the scenarios themselves are sound: what they observe of one program is the same each time.
#[test]
#[ignore = "for who writes scenarios: it says nothing about Barque"]
fn haproxy_does_what_haproxy_does() {
    let problems = suite::run([Program::HaProxy, Program::HaProxy]);
    assert!(problems.is_empty(), "{} scenarios are not certain:\n{}", problems.len(), problems.join("\n"));
}
