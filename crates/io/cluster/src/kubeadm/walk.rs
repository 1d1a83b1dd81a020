//! Looks at every field of a document: is it known to its version, and does it do something?

use super::fields::{Effect, Field};
use super::version::Version;
use serde_json::Value;

/// What a document holds beyond what is done.
#[derive(Debug, Default)]
pub struct Found {
    /// Fields that nobody knows: `networkin (did you mean 'networking'?)`.
    pub unknown: Vec<String>,
    /// Fields without effect, each with its reason.
    pub without: Vec<(&'static str, &'static str)>,
}

/// Goes through a document of `kind` and `version`. `apiVersion` and `kind` are not looked at.
pub fn walk(document: &Value, version: Version, fields: &'static [Field]) -> Found {
    let mut found = Found::default();
    let Value::Object(top) = document else { return found };
    for (name, value) in top.iter().filter(|(name, _)| !matches!(name.as_str(), "apiVersion" | "kind")) {
        visit(name.clone(), value, version, fields, &mut found);
    }
    found
}

fn visit(path: String, value: &Value, version: Version, fields: &'static [Field], found: &mut Found) {
    let exact = fields.iter().find(|field| field.path == path);
    match (exact, value) {
        (Some(field), _) if !(field.since..=field.until).contains(&version) => {
            let span = match field.since > version {
                true => format!("{path} (it comes with {})", field.since),
                false => format!("{path} (it went after {})", field.until),
            };
            found.unknown.push(span);
        }
        (Some(field), _) => {
            if let Effect::Without(reason) = field.effect
                && !is_empty(value)
                && !found.without.contains(&(field.path, reason))
            {
                found.without.push((field.path, reason));
            }
        }
        (None, Value::Object(below)) if is_known_branch(&path, fields) => {
            for (name, value) in below {
                visit(format!("{path}.{name}"), value, version, fields, found);
            }
        }
        // An item has its list's path.
        (None, Value::Array(items)) if is_known_branch(&path, fields) => {
            items.iter().for_each(|item| visit(path.clone(), item, version, fields, found));
        }
        (None, Value::Null) if is_known_branch(&path, fields) => {}
        (None, _) => {
            let told = match nearest(&path, fields) {
                Some(best) => format!("{path} (did you mean '{best}'?)"),
                None => path,
            };
            if !found.unknown.contains(&told) {
                found.unknown.push(told);
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_known_branch(path: &str, fields: &[Field]) -> bool {
    fields.iter().any(|field| field.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The known name at this depth that a person most likely meant.
fn nearest<'a>(path: &str, fields: &'a [Field]) -> Option<&'a str> {
    let depth = path.split('.').count();
    let candidates = fields.iter().map(|field| prefix(field.path, depth));
    let (far, best) = candidates.map(|known| (strsim::damerau_levenshtein(path, known), known)).min()?;
    (far <= 3).then_some(best)
}

/// The first parts of a path.
fn prefix(path: &str, depth: usize) -> &str {
    path.match_indices('.').nth(depth - 1).map_or(path, |(at, _)| &path[..at])
}
