//! What changed between two documents, as sets of places: added, modified, removed.
//!
//! Upstream: `structured-merge-diff/typed/compare.go`. One walk, items found by sorted names: nothing is quadratic.

use super::fieldset::{FieldSet, Node};
use super::typed::{Form, field, field_name, form, item_name};
use crate::Value;
use schema::{SchemaRef, Shape};
use serde_json::Map;
use std::cmp::Ordering;

/// Struct fields upstream's Go types hold by value: they exist, empty, in every object, and so are never added or
/// removed as a whole.
const ALWAYS_PRESENT: [&str; 8] =
    ["metadata", "spec", "status", "template", "strategy", "updateStrategy", "jobTemplate", "loadBalancer"];

/// Lists that are written as null where they are empty, and so exist in every object too.
const ALWAYS_LISTED: [&str; 2] = ["containers", "endpoints"];

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Leaves out places in the set and below.
    pub fn without(self, ignored: &FieldSet) -> Self {
        if ignored.is_empty() || self.is_same() {
            return self;
        }
        Self {
            added: self.added.recursive_difference(ignored),
            modified: self.modified.recursive_difference(ignored),
            removed: self.removed.recursive_difference(ignored),
        }
    }
}

pub(super) fn compare(old: &Value, new: &Value, schema: SchemaRef<'_>) -> Comparison {
    let changes = place(Some(old), Some(new), schema);
    Comparison { added: changes.added.below, modified: changes.modified.below, removed: changes.removed.below }
}

/// Changes at a place and below it.
#[derive(Default)]
struct Changes {
    added: Part,
    modified: Part,
    removed: Part,
}

#[derive(Default)]
struct Part {
    here: bool,
    below: FieldSet,
}

impl Part {
    fn into_node(self, name: &str) -> Option<Node> {
        let some = self.here || !self.below.is_empty();
        some.then(|| Node { name: name.to_owned(), member: self.here, children: self.below })
    }
}

/// Collects the changes of a place's children.
#[derive(Default)]
struct Nodes {
    added: Vec<Node>,
    modified: Vec<Node>,
    removed: Vec<Node>,
}

impl Nodes {
    fn push(&mut self, name: &str, changes: Changes) {
        self.added.extend(changes.added.into_node(name));
        self.modified.extend(changes.modified.into_node(name));
        self.removed.extend(changes.removed.into_node(name));
    }

    fn finish(self) -> Changes {
        let part = |nodes| Part { here: false, below: FieldSet::of_nodes(nodes) };
        Changes { added: part(self.added), modified: part(self.modified), removed: part(self.removed) }
    }
}

fn place(old: Option<&Value>, new: Option<&Value>, schema: SchemaRef<'_>) -> Changes {
    let mut changes = match (old, new) {
        (Some(a), Some(b)) if !same_kind(a, b) => {
            // A change of type: all of the old goes, all of the new comes.
            let (gone, come) = (children(Some(a), None, schema), children(None, Some(b), schema));
            let mut both = come.unwrap_or_default();
            both.removed = gone.unwrap_or_default().removed;
            both.modified.here = true;
            return both;
        }
        _ => match children(old, new, schema) {
            Some(changes) => changes,
            None => return leaf(old, new),
        },
    };
    changes.added.here |= old.is_none();
    changes.removed.here |= new.is_none();
    changes
}

fn same_kind(a: &Value, b: &Value) -> bool {
    let rank = |value: &Value| match value {
        Value::Object(_) => 1,
        Value::Array(_) => 2,
        Value::Null => 0,
        _ => 3,
    };
    rank(a) == rank(b) || rank(a) == 0 || rank(b) == 0
}

fn leaf(old: Option<&Value>, new: Option<&Value>) -> Changes {
    let mut changes = Changes::default();
    match (old, new) {
        (None, _) => changes.added.here = true,
        (_, None) => changes.removed.here = true,
        (Some(a), Some(b)) => changes.modified.here = a != b,
    }
    changes
}

/// The changes below a place; None if the place is one value (or both sides are empty, which counts as one).
fn children(old: Option<&Value>, new: Option<&Value>, schema: SchemaRef<'_>) -> Option<Changes> {
    let sample = new.filter(|value| !value.is_null()).or(old)?;
    match form(schema, sample) {
        Form::Leaf => None,
        Form::Map(struct_like) => {
            let (old, new) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
            let empty = |map: Option<&Map<String, Value>>| map.is_none_or(Map::is_empty);
            (!empty(old) || !empty(new)).then(|| fields(old, new, schema, struct_like))
        }
        form @ (Form::Set | Form::Keyed(_)) => {
            let (old, new) = (items(old), items(new));
            (!old.is_empty() || !new.is_empty()).then(|| list(old, new, form, schema.elem()))
        }
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

type Fields<'a> = Option<&'a Map<String, Value>>;

fn fields(old: Fields<'_>, new: Fields<'_>, schema: SchemaRef<'_>, struct_like: bool) -> Changes {
    let nothing = Value::Object(Map::new());
    let by_value = struct_like && old.is_some() && new.is_some() && matches!(schema, SchemaRef::Builtin(_));
    let mut nodes = Nodes::default();
    let mut one = |name: &str, old: Option<&Value>, new: Option<&Value>| {
        let below = field(schema, struct_like, name).0;
        let changes = match below.shape() {
            Shape::Struct { .. } if by_value && ALWAYS_PRESENT.contains(&name) => {
                let old = old.filter(|value| !value.is_null()).unwrap_or(&nothing);
                let new = new.filter(|value| !value.is_null()).unwrap_or(&nothing);
                place(Some(old), Some(new), below)
            }
            Shape::List(_) if by_value && ALWAYS_LISTED.contains(&name) => {
                place(Some(old.unwrap_or(&Value::Null)), Some(new.unwrap_or(&Value::Null)), below)
            }
            _ => place(old, new, below),
        };
        nodes.push(&field_name(name), changes);
    };
    for (name, value) in new.into_iter().flatten() {
        let before = old.and_then(|map| map.get(name));
        if before != Some(value) {
            one(name, before, Some(value));
        }
    }
    for (name, value) in old.into_iter().flatten() {
        if new.is_none_or(|map| !map.contains_key(name)) {
            one(name, Some(value), None);
        }
    }
    nodes.finish()
}

/// An item with its name. Items that have none (broken keys) cannot be owned and are passed over.
type Named<'a> = (String, &'a Value);

fn list(old: &[Value], new: &[Value], form: Form<'_>, elem: SchemaRef<'_>) -> Changes {
    let (old, new) = (sorted(old, form, elem), sorted(new, form, elem));
    let mut nodes = Nodes::default();
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        let order = match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) => a.0.cmp(&b.0),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        let left = if order.is_le() { run(&old[i..]) } else { &[] };
        let right = if order.is_ge() { run(&new[j..]) } else { &[] };
        let name = &left.first().or(right.first()).expect("one side has an item").0;
        nodes.push(name, same_named(left, right, elem));
        i += left.len();
        j += right.len();
    }
    nodes.finish()
}

fn sorted<'a>(items: &'a [Value], form: Form<'_>, elem: SchemaRef<'_>) -> Vec<Named<'a>> {
    let mut named: Vec<Named<'a>> =
        items.iter().filter_map(|item| Some((item_name(form, elem, item).ok()?, item))).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named
}

/// The items at the start that share a name.
fn run<'s, 'a>(items: &'s [Named<'a>]) -> &'s [Named<'a>] {
    let len = items.iter().take_while(|item| item.0 == items[0].0).count();
    &items[..len]
}

/// Items of one name on both sides. Duplicates (which only old objects have) count as one value.
fn same_named(old: &[Named<'_>], new: &[Named<'_>], elem: SchemaRef<'_>) -> Changes {
    let value = |items: &[Named<'_>]| items.iter().map(|item| item.1.clone()).collect::<Vec<Value>>();
    match (old.len(), new.len()) {
        (0 | 1, 0 | 1) => place(old.first().map(|item| item.1), new.first().map(|item| item.1), elem),
        (2.., 2..) => {
            let mut changes = Changes::default();
            changes.modified.here = value(old) != value(new);
            changes
        }
        (2.., _) => {
            let mut changes = new.first().map(|item| place(None, Some(item.1), elem)).unwrap_or_default();
            changes.removed.here = true;
            changes
        }
        (_, _) => {
            let mut changes = old.first().map(|item| place(Some(item.1), None, elem)).unwrap_or_default();
            changes.added.here = true;
            changes
        }
    }
}
