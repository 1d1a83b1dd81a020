//! The order of merged lists: the patch's items in the patch's order, the object's others in theirs, woven together so
//! that an other stays before a patch's item it stood before.
//!
//! Upstream: `normalizeElementOrder`, `mergeSortedSlice`. Positions are looked up in hash maps, so nothing is quadratic.

use crate::Value;
use std::collections::{HashMap, HashSet};

/// Positions by [`identity`].
pub(super) type Index = HashMap<String, usize>;

/// What makes an item the same item: its JSON, which tells `"1"` from `1`.
pub(super) fn identity(key: &Value) -> String {
    key.to_string()
}

/// The first position of each key.
pub(super) fn index<'a>(keys: impl Iterator<Item = &'a Value>) -> Index {
    let mut positions = Index::new();
    for (position, key) in keys.enumerate() {
        positions.entry(identity(key)).or_insert(position);
    }
    positions
}

/// Keeps the first of equal scalars.
pub(super) fn deduplicated(items: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(identity(item))).collect()
}

/// Puts merged items in order. The orders are lists of keys (of scalars where `key` is empty).
pub(super) fn ordered(merged: Vec<Value>, patch_order: &[Value], server_order: &[Value], key: &str) -> Vec<Value> {
    let (patch_index, server_index) = (index(patch_order.iter()), index(server_order.iter()));
    let placed = merged.into_iter().map(|item| {
        let id = identity(if key.is_empty() { &item } else { &item[key] });
        Placed { in_patch: patch_index.get(&id).copied(), on_server: server_index.get(&id).copied(), item }
    });
    let (mut ours, mut others): (Vec<Placed>, Vec<Placed>) = placed.partition(|placed| placed.in_patch.is_some());
    ours.sort_by_key(|placed| placed.in_patch);
    others.sort_by_key(|placed| placed.on_server.unwrap_or(usize::MAX));
    weave(others, ours)
}

struct Placed {
    item: Value,
    in_patch: Option<usize>,
    on_server: Option<usize>,
}

fn weave(others: Vec<Placed>, ours: Vec<Placed>) -> Vec<Value> {
    let mut all = Vec::with_capacity(others.len() + ours.len());
    let mut others = others.into_iter().peekable();
    for own in ours {
        while let Some(other) = others.next_if(|other| stood_before(other, &own)) {
            all.push(other.item);
        }
        all.push(own.item);
    }
    all.extend(others.map(|other| other.item));
    all
}

fn stood_before(other: &Placed, own: &Placed) -> bool {
    matches!((other.on_server, own.on_server), (Some(other), Some(own)) if other < own)
}
