//! Columns of Events, for both forms an Event has.
//!
//! Upstream: `pkg/printers/internalversion/printers.go` (printEvent).

use crate::cells::{NAME, column, integer, since, wide};
use crate::def::{Column, Now};
use crate::read::{has, number, text};
use apimachinery::Value;

pub const COLUMNS: &[Column] = &[
    column("Last Seen", "When the event was last seen.", |event, now| last_seen(event, *now).into()),
    column("Type", "Normal or Warning.", |event, _| text(event, "type").into()),
    column("Reason", "One word for what happened.", |event, _| text(event, "reason").into()),
    column("Object", "What it happened to.", |event, _| object(event).into()),
    wide("Subobject", "Which part of the object.", |event, _| text(regarding(event), "fieldPath").into()),
    wide("Source", "Who saw it.", |event, _| source(event).into()),
    column("Message", "What happened.", |event, _| message(event).trim().into()),
    wide("First Seen", "When the event was first seen.", |event, now| first_seen(event, *now).into()),
    Column { priority: 1, ..integer("Count", "How often the event was seen.", |event, _| count(event).into()) },
    Column { priority: 1, ..NAME },
];

/// A field under the core Event's name, or else under that of events.k8s.io.
fn either<'a>(event: &'a Value, core: &str, newer: &str) -> &'a Value {
    event.get(core).or_else(|| event.get(newer)).unwrap_or(&Value::Null)
}

fn regarding(event: &Value) -> &Value {
    either(event, "involvedObject", "regarding")
}

fn message(event: &Value) -> &str {
    either(event, "message", "note").as_str().unwrap_or("")
}

fn object(event: &Value) -> String {
    let regarding = regarding(event);
    let kind = text(regarding, "kind").to_lowercase();
    match text(regarding, "name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Value) -> String {
    let source = either(event, "source", "deprecatedSource");
    let (component, host) = match text(source, "component") {
        "" => (
            either(event, "reportingComponent", "reportingController").as_str().unwrap_or(""),
            text(event, "reportingInstance"),
        ),
        component => (component, text(source, "host")),
    };
    if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") }
}

fn first_seen(event: &Value, now: Now) -> String {
    match either(event, "firstTimestamp", "deprecatedFirstTimestamp") {
        Value::Null => since(&event["eventTime"], now),
        time => since(time, now),
    }
}

fn last_seen(event: &Value, now: Now) -> String {
    if has(event, "series") {
        return since(&event["series"]["lastObservedTime"], now);
    }
    match either(event, "lastTimestamp", "deprecatedLastTimestamp") {
        Value::Null => first_seen(event, now),
        time => since(time, now),
    }
}

/// An event without a count happened once.
fn count(event: &Value) -> i64 {
    if has(event, "series") {
        return number(&event["series"], "count");
    }
    either(event, "count", "deprecatedCount").as_i64().unwrap_or(0).max(1)
}
