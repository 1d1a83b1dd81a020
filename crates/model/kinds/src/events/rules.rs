//! What must hold of an Event, in either form.
//!
//! Upstream: `pkg/apis/core/validation/events.go`.

use crate::path::Path;
use crate::read::{has, text};
use apimachinery::validate::is_qualified_name;
use apimachinery::{Problems, Value};

const MAX_WORD: usize = 128;
const MAX_NOTE: usize = 1024;

/// The namespaces that events about cluster-scoped objects live in.
const FOR_CLUSTER_SCOPED: [&str; 3] = ["", "default", "kube-system"];

/// The core form. Events written by old clients (without a time of their own) are checked for little.
pub fn core(event: &Value, problems: &mut Problems) {
    namespaces(event, "involvedObject", problems);
    if has(event, "eventTime") {
        words(event, "reportingComponent", "message", problems);
    }
}

/// The form of events.k8s.io.
pub fn newer(event: &Value, problems: &mut Problems) {
    namespaces(event, "regarding", problems);
    if !has(event, "eventTime") {
        problems.required("eventTime", "");
    }
    words(event, "reportingController", "note", problems);
    let kind = text(event, "type");
    if !matches!(kind, "Normal" | "Warning") {
        problems.invalid("type", kind, "has invalid value: ");
    }
}

/// An event lives where the object lives that it is about.
fn namespaces(event: &Value, about: &str, problems: &mut Problems) {
    let own = text(&event["metadata"], "namespace");
    let of_object = text(&event[about], "namespace");
    let fits = match of_object {
        "" => FOR_CLUSTER_SCOPED.contains(&own),
        namespace => namespace == own,
    };
    if !fits {
        problems.invalid(Path::new(about).field("namespace"), of_object, "does not match event.namespace");
    }
}

fn words(event: &Value, controller: &str, note: &str, problems: &mut Problems) {
    match text(event, controller) {
        "" => problems.required(controller, ""),
        name => {
            for message in is_qualified_name(name) {
                problems.invalid(controller, name, &message);
            }
        }
    }
    for field in ["reportingInstance", "action", "reason"] {
        match text(event, field) {
            "" => problems.required(field, ""),
            word if word.len() > MAX_WORD => {
                problems.invalid(field, "", &format!("can have at most {MAX_WORD} characters"));
            }
            _ => {}
        }
    }
    if text(event, note).len() > MAX_NOTE {
        problems.invalid(note, "", &format!("can have at most {MAX_NOTE} characters"));
    }
}
