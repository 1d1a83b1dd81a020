//! Columns of `kubectl get` that many kinds share, and what their cells are made of.
//!
//! Upstream: `pkg/printers/internalversion/printers.go`.

use crate::def::{Column, Now};
use crate::read::{list, text};
pub use apimachinery::time::human_duration as human;
use apimachinery::{LabelSelector, Value, time};

pub const NAME: Column = Column {
    name: "Name",
    kind: "string",
    format: "name",
    priority: 0,
    description: "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
    cell: |object, _| object["metadata"]["name"].as_str().unwrap_or("").into(),
};

pub const AGE: Column = column(
    "Age",
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    |object, now| since(&object["metadata"]["creationTimestamp"], *now).into(),
);

/// A text column that is always shown.
pub const fn column(name: &'static str, description: &'static str, cell: fn(&Value, &Now) -> Value) -> Column {
    Column { name, kind: "string", format: "", priority: 0, description, cell }
}

/// A text column of `-o wide`.
pub const fn wide(name: &'static str, description: &'static str, cell: fn(&Value, &Now) -> Value) -> Column {
    Column { priority: 1, ..column(name, description, cell) }
}

/// A column of whole numbers.
pub const fn integer(name: &'static str, description: &'static str, cell: fn(&Value, &Now) -> Value) -> Column {
    Column { kind: "integer", ..column(name, description, cell) }
}

/// A column of yes and no.
pub const fn boolean(name: &'static str, description: &'static str, cell: fn(&Value, &Now) -> Value) -> Column {
    Column { kind: "boolean", ..column(name, description, cell) }
}

/// The text of a field, `<none>` if absent or empty.
pub fn or_none(object: &Value, field: &str) -> Value {
    or(text(object, field), "<none>")
}

/// `value`, or what stands for an empty one.
pub fn or(value: &str, empty: &str) -> Value {
    if value.is_empty() { empty.into() } else { value.into() }
}

/// How long ago a time was, as ages are shown; `<unknown>` if there is none.
pub fn since(time: &Value, now: Now) -> String {
    time::age(time.as_str().unwrap_or(""), now.0)
}

/// Seconds since 1970 of an RFC 3339 text, or `None`.
pub fn seconds(text: &Value) -> Option<i64> {
    time::parse_seconds(text.as_str()?)
}

/// `app=web,tier=front`, or `<none>`: upstream's `labels.FormatLabels`.
pub fn labels(map: &Value) -> Value {
    let pairs: Vec<String> = match map.as_object() {
        Some(map) => map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or(""))).collect(),
        None => Vec::new(),
    };
    or(&pairs.join(","), "<none>")
}

/// When an object was made, for kinds that upstream has no printer for.
pub const CREATED_AT: Column = Column {
    name: "Created At",
    kind: "date",
    cell: |object, _| object["metadata"]["creationTimestamp"].as_str().unwrap_or("").into(),
    ..AGE
};

/// `-o wide` of kinds with a pod template: what its containers are called.
pub const fn containers(cell: fn(&Value, &Now) -> Value) -> Column {
    wide("Containers", "Names of each container in the template.", cell)
}

/// `-o wide` of kinds with a pod template: what its containers run.
pub const fn images(cell: fn(&Value, &Now) -> Value) -> Column {
    wide("Images", "Images referenced by each container in the template.", cell)
}

/// `-o wide` of kinds that choose pods.
pub const SELECTOR: Column =
    wide("Selector", "Which pods belong to this object.", |object, _| selector(&object["spec"]["selector"]).into());

/// One field of each container of the pod template below `spec`, joined by commas.
pub fn of_containers(spec: &Value, field: &str) -> Value {
    let texts: Vec<&str> =
        list(&spec["template"]["spec"], "containers").iter().map(|container| text(container, field)).collect();
    texts.join(",").into()
}

/// A label selector as upstream writes it: `app=web,!old,tier in (back,front)`; `<none>` if it is empty.
pub fn selector(selector: &Value) -> String {
    match LabelSelector::from_value(selector) {
        Ok(selector) if selector.requirements().is_empty() => "<none>".to_owned(),
        Ok(selector) => selector.to_string(),
        Err(_) => "<error>".to_owned(),
    }
}

/// At most three texts, and how many more there are: `a,b,c + 2 more...`.
pub fn first_three(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    match texts.len() {
        0..=SHOWN => texts.join(","),
        count => format!("{} + {} more...", texts[..SHOWN].join(","), count - SHOWN),
    }
}

/// `True`, `False` or `<unset>`.
pub fn yes_no(value: &Value) -> Value {
    match value.as_bool() {
        Some(true) => "True".into(),
        Some(false) => "False".into(),
        None => "<unset>".into(),
    }
}

/// Access modes in short, each once: `RWO,ROX,RWX,RWOP`.
pub fn access_modes(parent: &Value) -> String {
    const SHORT: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let modes = list(parent, "accessModes");
    let shown: Vec<&str> =
        SHORT.iter().filter(|(long, _)| modes.iter().any(|mode| mode == long)).map(|(_, short)| *short).collect();
    shown.join(",")
}

/// The storage class of a volume or claim: the old annotation wins over the field.
pub fn storage_class(object: &Value) -> &str {
    match text(&object["metadata"]["annotations"], "volume.beta.kubernetes.io/storage-class") {
        "" => text(&object["spec"], "storageClassName"),
        class => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_sorted_by_key() {
        let given = serde_json::json!({
            "matchLabels": {"b": "1", "d": ""},
            "matchExpressions": [
                {"key": "c", "operator": "NotIn", "values": ["y", "x"]},
                {"key": "a", "operator": "DoesNotExist"},
            ],
        });
        assert_eq!(selector(&given), "!a,b=1,c notin (x,y),d=");
        assert_eq!(selector(&Value::Null), "<none>");
    }
}
