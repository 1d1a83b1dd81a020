//! A set of places in a document: which fields a manager owns. In memory and in FieldsV1 JSON.
//!
//! Upstream: `structured-merge-diff/fieldpath` (`set.go`, `serialize.go`, `element.go`).
//!
//! Invariants
//! - Nodes are sorted by name, without repeats; set operations are linear merges.
//! - A node is in the set itself (`member`), or has children that are; there are no empty nodes.

use crate::Value;
use serde_json::Map;
use std::cmp::Ordering;

/// A set of paths, as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    pub(super) nodes: Vec<Node>,
}

/// One step of a path, by the name it has in FieldsV1: `f:spec`, `k:{"name":"web"}`, `v:"x"`, `i:0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub name: String,
    pub member: bool,
    pub children: FieldSet,
}

impl Node {
    fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }
}

impl FieldSet {
    /// A set of plain field paths, such as `["metadata", "labels"]`.
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        paths.iter().fold(Self::default(), |set, path| set.union(&Self::of_path(path)))
    }

    fn of_path(path: &[&str]) -> Self {
        let Some((first, rest)) = path.split_first() else { return Self::default() };
        let node = Node { name: format!("f:{first}"), member: rest.is_empty(), children: Self::of_path(rest) };
        Self { nodes: vec![node] }
    }

    /// Takes nodes in any order and with repeats.
    pub(super) fn of_nodes(mut nodes: Vec<Node>) -> Self {
        if !nodes.is_sorted_by(|a, b| a.name < b.name) {
            nodes.sort_by(|a, b| a.name.cmp(&b.name));
            nodes.dedup_by(|later, kept| {
                let same = later.name == kept.name;
                if same {
                    kept.member |= later.member;
                    kept.children = kept.children.union(&later.children);
                }
                same
            });
        }
        Self { nodes }
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok()?;
        Some(&self.nodes[at])
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.zip(other, |pair| match pair {
            Pair::Left(node) | Pair::Right(node) => Some(node.clone()),
            Pair::Both(a, b) => Some(Node {
                name: a.name.clone(),
                member: a.member || b.member,
                children: a.children.union(&b.children),
            }),
        })
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |pair| match pair {
            Pair::Both(a, b) => Some(Node {
                name: a.name.clone(),
                member: a.member && b.member,
                children: a.children.intersection(&b.children),
            }),
            _ => None,
        })
    }

    /// The union; costs nothing where one set is empty.
    #[must_use]
    pub(super) fn joined(self, other: Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => self.union(&other),
        }
    }

    /// Members of this set that are not members of the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.zip(other, |pair| match pair {
            Pair::Left(node) => Some(node.clone()),
            Pair::Right(_) => None,
            Pair::Both(a, b) => Some(Node {
                name: a.name.clone(),
                member: a.member && !b.member,
                children: a.children.difference(&b.children),
            }),
        })
    }

    /// Members of this set that are neither members of the other nor below one.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.zip(other, |pair| match pair {
            Pair::Left(node) => Some(node.clone()),
            Pair::Right(_) => None,
            Pair::Both(_, b) if b.member => None,
            Pair::Both(a, b) => Some(Node {
                name: a.name.clone(),
                member: a.member,
                children: a.children.recursive_difference(&b.children),
            }),
        })
    }

    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.intersection(other).is_empty()
    }

    pub fn is_subset(&self, other: &Self) -> bool {
        self.nodes.iter().all(|node| {
            other
                .get(&node.name)
                .is_some_and(|known| (known.member || !node.member) && node.children.is_subset(&known.children))
        })
    }

    fn zip<'a>(&'a self, other: &'a Self, mut keep: impl FnMut(Pair<'a>) -> Option<Node>) -> Self {
        let (mut left, mut right) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        let mut nodes = Vec::with_capacity(self.nodes.len());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) => a.name.cmp(&b.name),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Self { nodes },
            };
            let pair = match order {
                Ordering::Less => left.next().map(Pair::Left),
                Ordering::Greater => right.next().map(Pair::Right),
                Ordering::Equal => left.next().zip(right.next()).map(|(a, b)| Pair::Both(a, b)),
            };
            nodes.extend(pair.and_then(&mut keep).filter(|node| !node.is_empty()));
        }
    }

    /// Every member as people write it: `.spec.containers[name="a"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect_paths("", &mut out);
        out
    }

    fn collect_paths(&self, above: &str, out: &mut Vec<String>) {
        for node in &self.nodes {
            let path = format!("{above}{}", shown(&node.name));
            if node.member {
                out.push(path.clone());
            }
            node.children.collect_paths(&path, out);
        }
    }

    /// FieldsV1.
    pub fn to_value(&self) -> Value {
        self.clone().into_value()
    }

    /// FieldsV1, without copying names.
    pub(super) fn into_value(self) -> Value {
        let fields = self.nodes.into_iter().map(|node| {
            let mut below = node.children.into_value();
            if let Value::Object(map) = &mut below
                && node.member
                && !map.is_empty()
            {
                map.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (node.name, below)
        });
        Value::Object(fields.collect())
    }

    /// Whether a member of this set is one of the set that stands in FieldsV1 as stored, without reading all of that.
    pub(super) fn overlaps_stored(&self, fields: &Value) -> bool {
        self.nodes.iter().any(|node| {
            let Some(Value::Object(below)) = fields.get(&node.name) else { return false };
            let member = below.is_empty() || below.contains_key(".");
            (node.member && member) || (!below.is_empty() && node.children.overlaps_stored(&fields[&node.name]))
        })
    }

    /// Reads FieldsV1.
    ///
    /// # Errors
    /// If it is not made of nested objects with names like `f:spec`.
    pub fn from_value(fields: &Value) -> Result<Self, String> {
        let Value::Object(map) = fields else { return Err("fieldsV1 must be an object".to_owned()) };
        let mut nodes = Vec::with_capacity(map.len());
        for (name, below) in map.iter().filter(|(name, _)| *name != ".") {
            let member = below.as_object().is_some_and(|map| map.is_empty() || map.contains_key("."));
            let node = Node { name: canonical(name)?, member, children: Self::from_value(below)? };
            if !node.is_empty() {
                nodes.push(node);
            }
        }
        Ok(Self::of_nodes(nodes))
    }
}

enum Pair<'a> {
    Left(&'a Node),
    Right(&'a Node),
    Both(&'a Node, &'a Node),
}

/// Brings the JSON in a step's name to our form, if another writer spaced it otherwise.
fn canonical(name: &str) -> Result<String, String> {
    let refuse = || format!("{name:?} is no path element of fieldsV1");
    let (kind, text) = name.split_once(':').ok_or_else(refuse)?;
    match kind {
        "f" | "i" => Ok(name.to_owned()),
        "k" | "v" if !text.contains(' ') => Ok(name.to_owned()),
        "k" | "v" => {
            let value: Value = serde_json::from_str(text).map_err(|_| refuse())?;
            Ok(format!("{kind}:{value}"))
        }
        _ => Err(refuse()),
    }
}

/// A step as people write it: `.spec`, `[name="a",port=1]`, `[="x"]`, `[0]`.
pub(super) fn shown(name: &str) -> String {
    let (kind, text) = name.split_once(':').unwrap_or(("f", name));
    match kind {
        "k" => match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(keys) => {
                let parts: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("[{}]", parts.join(","))
            }
            Err(_) => format!("[{text}]"),
        },
        "v" => format!("[={text}]"),
        "i" => format!("[{text}]"),
        _ => format!(".{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn set(value: Value) -> FieldSet {
        FieldSet::from_value(&value).unwrap()
    }

    #[test]
    fn fields_v1_round_trips() {
        let fields = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {"f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}, "f:set": {"v:\"a\"": {}}},
        });
        assert_eq!(set(fields.clone()).to_value(), fields);
        assert_eq!(
            set(fields).paths(),
            [
                ".metadata.labels",
                ".metadata.labels.app",
                ".spec.ports[port=80,protocol=\"TCP\"]",
                ".spec.ports[port=80,protocol=\"TCP\"].port",
                ".spec.set[=\"a\"]"
            ]
        );
        assert!(FieldSet::from_value(&json!({"x": {}})).is_err());
        assert_eq!(set(json!({"k:{\"b\": 1, \"a\": 2}": {}})).to_value(), json!({"k:{\"a\":2,\"b\":1}": {}}));
    }

    #[test]
    fn operations() {
        let a = set(json!({"f:a": {".": {}, "f:x": {}}, "f:b": {}}));
        let b = set(json!({"f:a": {}, "f:c": {}}));
        assert_eq!(a.union(&b).to_value(), json!({"f:a": {".": {}, "f:x": {}}, "f:b": {}, "f:c": {}}));
        assert_eq!(a.intersection(&b).to_value(), json!({"f:a": {}}));
        assert_eq!(a.difference(&b).to_value(), json!({"f:a": {"f:x": {}}, "f:b": {}}));
        assert_eq!(a.recursive_difference(&b).to_value(), json!({"f:b": {}}));
        assert!(!a.is_disjoint(&b) && a.intersection(&b).is_subset(&a) && !a.is_subset(&b));
    }

    fn any_set() -> impl Strategy<Value = FieldSet> {
        let path = proptest::collection::vec("[abc]", 1..4);
        proptest::collection::vec(path, 0..6).prop_map(|paths| {
            paths.iter().fold(FieldSet::default(), |set, path| {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                set.union(&FieldSet::of_fields(&[&path]))
            })
        })
    }

    proptest! {
        #[test]
        fn laws_of_sets(a in any_set(), b in any_set()) {
            prop_assert_eq!(a.union(&b), b.union(&a));
            prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
            prop_assert!(a.difference(&b).is_disjoint(&b));
            prop_assert!(a.is_subset(&a.union(&b)));
            prop_assert_eq!(a.overlaps_stored(&b.to_value()), !a.is_disjoint(&b));
            prop_assert_eq!(FieldSet::from_value(&a.to_value()).unwrap(), a);
        }
    }
}
