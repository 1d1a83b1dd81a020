//! `v1` Event: something that happened to an object.

use crate::KindDef;
use crate::events::{SELECTABLE, columns, rules};
use std::time::Duration;

/// Events tell of the last hour. Upstream: `--event-ttl`.
pub const TTL: Duration = Duration::from_secs(3600);

pub const KIND: KindDef = KindDef {
    create_on_update: true,
    short_names: &["ev"],
    selectable: SELECTABLE,
    ttl: Some(TTL),
    columns: columns::COLUMNS,
    validate: rules::core,
    ..KindDef::new(("", "v1", "Event"), ("events", "event"), "io.k8s.api.core.v1.Event")
};
