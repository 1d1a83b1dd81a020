//! `events.k8s.io/v1` Event: the core Event under newer field names.

use crate::KindDef;
use crate::corev1::event::TTL;

pub const KIND: KindDef = KindDef {
    short_names: &["ev"],
    stored_as: ("", "events", "v1"),
    ttl: Some(TTL),
    ..KindDef::new(("events.k8s.io", "v1", "Event"), ("events", "event"), "io.k8s.api.events.v1.Event")
};
