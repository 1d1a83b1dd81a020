//! A document with another laid over it: fields merge, keyed items merge, all else is replaced.
//!
//! Upstream: `structured-merge-diff/typed/merge.go`. Lists keep the new order for shared items, with the old list's
//! own items woven in where they stood.

use super::typed::{Form, field, form, item_name};
use crate::Value;
use schema::SchemaRef;
use serde_json::Map;
use std::collections::HashMap;

pub(super) fn merge(old: &Value, new: &Value, schema: SchemaRef<'_>) -> Value {
    match (form(schema, new), old, new) {
        (Form::Map(struct_like), Value::Object(old), Value::Object(new)) => {
            Value::Object(merge_fields(old, new, schema, struct_like))
        }
        (form @ (Form::Set | Form::Keyed(_)), Value::Array(old), Value::Array(new)) => {
            Value::Array(merge_items(old, new, form, schema.elem()))
        }
        _ => without_nulls(new, schema),
    }
}

fn merge_fields(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    schema: SchemaRef<'_>,
    struct_like: bool,
) -> Map<String, Value> {
    let mut out = old.clone();
    for (name, value) in new {
        let below = field(schema, struct_like, name).0;
        if value.is_null() && !matches!(schema, SchemaRef::Custom(_)) {
            // Built-in types know no null: it means that the field is absent.
            out.remove(name);
            continue;
        }
        match out.get_mut(name) {
            Some(slot) => *slot = merge(slot, value, below),
            None => _ = out.insert(name.clone(), without_nulls(value, below)),
        }
    }
    out
}

fn without_nulls(value: &Value, schema: SchemaRef<'_>) -> Value {
    match (form(schema, value), value) {
        (Form::Map(struct_like), Value::Object(map)) => {
            let custom = matches!(schema, SchemaRef::Custom(_));
            let kept = map.iter().filter(|(_, value)| custom || !value.is_null());
            Value::Object(
                kept.map(|(name, value)| (name.clone(), without_nulls(value, field(schema, struct_like, name).0)))
                    .collect(),
            )
        }
        (Form::Set | Form::Keyed(_), Value::Array(items)) => {
            items.iter().map(|item| without_nulls(item, schema.elem())).collect()
        }
        (_, value) => value.clone(),
    }
}

fn merge_items(old: &[Value], new: &[Value], form: Form<'_>, elem: SchemaRef<'_>) -> Vec<Value> {
    let names = |items: &[Value]| items.iter().map(|item| item_name(form, elem, item).ok()).collect::<Vec<_>>();
    let weave = Weave::new(names(old), names(new));
    let steps = weave.steps();
    let build = |step| match step {
        Step::Old(at) => old[at].clone(),
        Step::New(at) => without_nulls(&new[at], elem),
        Step::Both(before, at) => merge(&old[before], &new[at], elem),
    };
    steps.into_iter().map(build).collect()
}

/// Where an item of the result comes from.
#[derive(Clone, Copy)]
enum Step {
    Old(usize),
    New(usize),
    Both(usize, usize),
}

/// Finds the order of two merged lists: upstream's walk with one finger on each.
struct Weave {
    /// For each old item, its position in the new list; for each new item, the other way round.
    in_new: Vec<Option<usize>>,
    in_old: Vec<Option<usize>>,
}

impl Weave {
    fn new(old: Vec<Option<String>>, new: Vec<Option<String>>) -> Self {
        let positions = |names: &[Option<String>], others: &[Option<String>]| -> Vec<Option<usize>> {
            let index: HashMap<&str, usize> =
                others.iter().enumerate().rev().filter_map(|(at, name)| Some((name.as_deref()?, at))).collect();
            names.iter().map(|name| index.get(name.as_deref()?).copied()).collect()
        };
        Self { in_new: positions(&old, &new), in_old: positions(&new, &old) }
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::with_capacity(self.in_new.len() + self.in_old.len());
        let mut shared = (0..self.in_old.len()).filter(|at| self.in_old[*at].is_some()).peekable();
        let mut done = vec![false; self.in_old.len()];
        let (mut i, mut j) = (0, 0);
        while i < self.in_new.len() || j < self.in_old.len() {
            if let Some(position) = self.in_new.get(i) {
                match position {
                    None => {
                        steps.push(Step::Old(i));
                        i += 1;
                        continue;
                    }
                    // Shared, but not the one whose turn it is: it comes later, in the new order.
                    Some(at) if *at != j && j < self.in_old.len() && shared.peek().is_some_and(|next| next != at) => {
                        i += 1;
                        continue;
                    }
                    Some(at) if *at == j || done[*at] => i += 1,
                    Some(_) => {}
                }
            }
            if j < self.in_old.len() {
                steps.push(self.in_old[j].map_or(Step::New(j), |before| Step::Both(before, j)));
                done[j] = true;
                shared.next_if_eq(&j);
                j += 1;
            }
        }
        steps
    }
}
