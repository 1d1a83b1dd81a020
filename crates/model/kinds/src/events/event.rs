//! `events.k8s.io/v1` Event: the core Event under newer field names.

use super::{SELECTABLE, columns, rules};
use crate::KindDef;
use crate::corev1::event::TTL;
use crate::edit::rename;
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    short_names: &["ev"],
    stored_as: ("", "events", "v1"),
    selectable: SELECTABLE,
    ttl: Some(TTL),
    to_stored,
    from_stored,
    columns: columns::COLUMNS,
    validate: rules::newer,
    ..KindDef::new(("events.k8s.io", "v1", "Event"), ("events", "event"), "io.k8s.api.events.v1.Event")
};

/// The core Event's name of each field that differs here: this version's name first.
const RENAMED: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn to_stored(event: &mut Value) {
    event["apiVersion"] = "v1".into();
    for (here, core) in RENAMED {
        rename(event, here, core);
    }
}

fn from_stored(event: &mut Value) {
    event["apiVersion"] = "events.k8s.io/v1".into();
    for (here, core) in RENAMED {
        rename(event, core, here);
    }
}
