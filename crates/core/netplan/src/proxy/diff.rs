//! From one plan to the next, as the fewest commands.
//!
//! Order within the one transaction: new chains, then elements (a verdict may name a new chain), then chains that no
//! verdict names any more.

use super::plan::{Map, Plan, Sticky};
use super::rules::{self, MAPS, sticky_end};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

type Elements = BTreeMap<Box<str>, Box<str>>;

impl Plan {
    /// Text for `nft -f -` that turns `before`'s rules into this plan's; empty if they are equal.
    pub fn changes(&self, before: &Self) -> String {
        if self.node != before.node || !self.draws.is_subset(&before.draws) {
            return self.full();
        }
        let table = &self.node.table;
        let chains = self.new_chains(before);
        let mut text = String::new();
        if !chains.is_empty() {
            text += &self.flush_changed(before);
            _ = write!(text, "table ip {table} {{\n{chains}}}\n");
        }
        let none = Elements::new();
        let pairs = MAPS.map(|(map, ..)| (map, of(before, map, &none), of(self, map, &none)));
        for (map, old, new) in &pairs {
            let gone = old.iter().filter(|(key, value)| new.get(*key) != Some(value)).map(|(key, _)| &**key);
            text += &rules::delete_elements(table, *map, gone);
        }
        for (map, old, new) in &pairs {
            let added = new.iter().filter(|(key, value)| old.get(*key) != Some(value));
            text += &rules::add_elements(table, *map, added.map(|(key, value)| (&**key, &**value)));
        }
        text + &self.old_chains(before)
    }

    fn new_chains(&self, before: &Self) -> String {
        let changed = self.sticky.iter().filter(|(name, sticky)| before.sticky.get(*name) != Some(sticky));
        changed.map(|(name, sticky)| new_sticky(name, sticky, before.sticky.get(name))).collect()
    }

    /// Chains that are written anew are emptied first.
    fn flush_changed(&self, before: &Self) -> String {
        let table = &self.node.table;
        let both = self.sticky.iter().filter_map(|(name, now)| Some((name, now, before.sticky.get(name)?)));
        both.filter(|(_, now, old)| now != old).map(|(name, ..)| format!("flush chain ip {table} {name}\n")).collect()
    }

    fn old_chains(&self, before: &Self) -> String {
        let table = &self.node.table;
        let mut text = String::new();
        for (name, _) in before.sticky.iter().filter(|(name, _)| !self.sticky.contains_key(*name)) {
            _ = writeln!(text, "delete chain ip {table} masquerade-{name}");
            _ = writeln!(text, "delete chain ip {table} {name}");
        }
        let kept: BTreeSet<String> = self.sticky.iter().flat_map(|(name, sticky)| ends(name, sticky)).collect();
        for end in before.sticky.iter().flat_map(|(name, sticky)| ends(name, sticky)) {
            if !kept.contains(&end) {
                _ = write!(text, "delete chain ip {table} {end}\ndelete set ip {table} {end}\n");
            }
        }
        // Those that mark and go on before those they go to.
        let mut old: Vec<_> = before.draws.difference(&self.draws).collect();
        old.sort_by_key(|draw| !draw.masquerade);
        for draw in old {
            _ = writeln!(text, "delete chain ip {table} {draw}");
        }
        text
    }
}

/// The chains of `sticky`, but for those of endpoints that `before` had too: these keep their rules and their clients.
fn new_sticky(name: &str, sticky: &Sticky, before: Option<&Sticky>) -> String {
    let whole = rules::sticky_chains(name, sticky);
    let Some(before) = before else { return whole };
    let known: BTreeSet<String> = ends(name, before).collect();
    let mut text = String::new();
    for block in whole.split_inclusive("\t}\n") {
        let subject = block.split_whitespace().nth(1).unwrap_or_default();
        if !known.contains(subject) && subject != format!("masquerade-{name}") {
            text += block;
        }
    }
    text
}

fn ends(name: &str, sticky: &Sticky) -> impl Iterator<Item = String> {
    sticky.targets.iter().map(move |target| sticky_end(name, sticky, *target))
}

fn of<'a>(plan: &'a Plan, map: Map, none: &'a Elements) -> &'a Elements {
    plan.elements.get(&map).unwrap_or(none)
}
