//! Lists of patterns, by the configuration's library.

use super::View;
use balance::cli::{Found, ListFacts, ListKind, PatternEntry, Patterns, Pick, UnknownEntry};
use balance::pattern::{Answer, Key, List, Method};
use std::sync::Arc;

impl View {
    fn list(&self, id: u32) -> Option<Arc<List>> {
        self.engine.running().patterns.lists().into_iter().find(|(number, _)| *number == id).map(|(_, list)| list)
    }
}

fn key(pick: &Pick) -> Key<'_> {
    match pick {
        Pick::Pattern(pattern) => Key::Pattern(pattern),
        Pick::Entry(id) => Key::Id(id.wrapping_sub(ID_BASE)),
    }
}

/// Added to a line's number, so that it looks like the pointer that tools expect.
const ID_BASE: u64 = 0x5600_0000_0000;

impl Patterns for View {
    fn lists(&self) -> Vec<ListFacts> {
        let facts = |(id, list): (u32, Arc<List>)| {
            let (current, next) = list.versions();
            ListFacts {
                id,
                file: list.file().unwrap_or_default().to_owned(),
                description: list.description(),
                is_acl: !list.is_map(),
                is_map: list.is_map(),
                current,
                next,
                entries: list.len_of_all(),
            }
        };
        self.engine.running().patterns.lists().into_iter().map(facts).collect()
    }

    fn patterns(&self, list: u32, version: u32) -> Vec<PatternEntry> {
        let entries = self.list(list).map(|list| list.entries_of(version)).unwrap_or_default();
        let shown = |entry: balance::pattern::Entry| PatternEntry {
            id: ID_BASE + entry.id,
            pattern: entry.pattern,
            value: entry.value,
        };
        entries.into_iter().map(shown).collect()
    }

    fn add_pattern(&self, list: u32, version: u32, pattern: &str, value: Option<&str>) -> Result<(), String> {
        self.list(list).map_or(Ok(()), |list| list.add_to(version, pattern, value.filter(|_| list.is_map())))
    }

    fn set_value(&self, list: u32, pick: &Pick, value: &str) -> Result<Result<(), UnknownEntry>, String> {
        let any = self.list(list).map_or(Ok(false), |list| list.set(key(pick), value))?;
        Ok(if any { Ok(()) } else { Err(UnknownEntry) })
    }

    fn delete_pattern(&self, list: u32, pick: &Pick) -> Result<(), UnknownEntry> {
        let any = self.list(list).is_some_and(|list| list.remove(key(pick)));
        if any { Ok(()) } else { Err(UnknownEntry) }
    }

    fn clear_patterns(&self, list: u32, version: u32) {
        if let Some(list) = self.list(list) {
            list.clear_version(version);
        }
    }

    fn prepare_patterns(&self, list: u32) -> u32 {
        self.list(list).map_or(0, |list| list.prepare())
    }

    fn commit_patterns(&self, list: u32, version: u32) {
        if let Some(list) = self.list(list) {
            list.commit(version);
        }
    }

    fn look_up(&self, list: u32, _kind: ListKind, value: &str) -> Vec<Found> {
        let answers = self.list(list).map(|list| list.look_up(value)).unwrap_or_default();
        answers.into_iter().map(found).collect()
    }
}

fn found(answer: Answer) -> Found {
    let Answer { method, ignores_case, entry } = answer;
    let in_tree = matches!(method, Method::Str | Method::Beg | Method::Ip) && !ignores_case;
    Found {
        method: method.name().to_owned(),
        ignores_case,
        value: entry.as_ref().and_then(|entry| Some((entry.value.clone()?, "str".to_owned()))),
        pattern: entry.map(|entry| (entry.pattern, in_tree)),
    }
}
