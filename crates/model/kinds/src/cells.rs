//! Columns of `kubectl get` that many kinds share, and what their cells are made of.
//!
//! Upstream: `pkg/printers/internalversion/printers.go`.

use crate::def::{Column, Now};
use crate::read::{entries, list, text};
use apimachinery::Value;
use jiff::Timestamp;

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
    match seconds(time) {
        Some(then) => human(now.0 - then),
        None => "<unknown>".to_owned(),
    }
}

/// Seconds since 1970 of an RFC 3339 text, or `None`.
pub fn seconds(time: &Value) -> Option<i64> {
    time.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Upstream's `duration.HumanDuration`: two units at most, the smaller one dropped as it stops to matter.
pub fn human(seconds: i64) -> String {
    // A clock ahead by a moment is shown as now; more is a mistake worth seeing.
    match seconds {
        ..-1 => return "<invalid>".to_owned(),
        -1 | 0 => return "0s".to_owned(),
        _ => {}
    }
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match seconds {
        ..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 192 => two(days, "d", hours % 24, "h"),
        _ if days < 365 * 2 => format!("{days}d"),
        _ if days < 365 * 8 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
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

/// A label selector as upstream writes it: `app=web,tier in (back,front),!old`; `<none>` if it is empty.
pub fn selector(selector: &Value) -> String {
    let mut terms: Vec<(&str, String)> = entries(selector, "matchLabels")
        .map(|(key, value)| (key.as_str(), format!("{key}={}", value.as_str().unwrap_or(""))))
        .collect();
    for term in list(selector, "matchExpressions") {
        let key = text(term, "key");
        let mut values: Vec<&str> = list(term, "values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let shown = match text(term, "operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return "<error>".to_owned(),
        };
        terms.push((key, shown));
    }
    terms.sort_by_key(|(key, _)| *key);
    let terms: Vec<String> = terms.into_iter().map(|(_, shown)| shown).collect();
    if terms.is_empty() { "<none>".to_owned() } else { terms.join(",") }
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

    #[test]
    fn ages_drop_the_unit_that_stops_to_matter() {
        let shown: Vec<String> = [
            -5,
            -1,
            0,
            119,
            120,
            125,
            599,
            600,
            10799,
            10800,
            10860,
            28800,
            172_799,
            172_800,
            176_400,
            691_200,
            63_072_000,
            63_158_400,
            252_288_000,
        ]
        .map(human)
        .into();
        assert_eq!(shown.join(" "), "<invalid> 0s 0s 119s 2m 2m5s 9m59s 10m 179m 3h 3h1m 8h 47h 2d 2d1h 8d 2y 2y1d 8y");
    }
}
