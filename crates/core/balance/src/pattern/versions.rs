//! Versions of a list, prepared apart and put in the place of the one in use at once; and look-ups for those who ask
//! what would match.

use super::index::{Index, Pattern};
use super::list::{Entry, List, Use};
use super::matcher::check;
use super::method::Method;
use crate::sample::Value;
use std::collections::BTreeMap;

/// Versions beside the one in use.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub current: u32,
    /// The newest that was prepared.
    pub next: u32,
    pub prepared: BTreeMap<u32, Vec<Entry>>,
}

/// How one use of a list answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub method: Method,
    pub ignores_case: bool,
    /// The line that matches.
    pub entry: Option<Entry>,
}

impl List {
    /// Numbers of the version in use and of the newest one prepared.
    pub fn versions(&self) -> (u32, u32) {
        let state = self.state();
        (state.versions.current, state.versions.next)
    }

    /// Lines of a version; none for one that is not there.
    pub fn entries_of(&self, version: u32) -> Vec<Entry> {
        let state = self.state();
        match version == state.versions.current {
            true => state.entries.clone(),
            false => state.versions.prepared.get(&version).cloned().unwrap_or_default(),
        }
    }

    /// Lines of all versions.
    pub fn len_of_all(&self) -> usize {
        let state = self.state();
        state.entries.len() + state.versions.prepared.values().map(Vec::len).sum::<usize>()
    }

    /// Begins a version.
    pub fn prepare(&self) -> u32 {
        let mut state = self.state();
        state.versions.next = state.versions.next.wrapping_add(1);
        state.versions.next
    }

    /// Appends a line to a version; what is wrong with it, if it is good for none of the list's uses.
    ///
    /// # Errors
    /// The pattern or the value cannot be read.
    pub fn add_to(&self, version: u32, pattern: &str, value: Option<&str>) -> Result<(), String> {
        if version == self.versions().0 {
            return self.add(pattern, value);
        }
        let mut state = self.state();
        for used in &state.uses {
            check(used.method, used.flags, pattern)?;
            if let (Some(output), Some(value)) = (used.output, value) {
                output.parse(value)?;
            }
        }
        let entry = state.entry(pattern, value);
        state.versions.prepared.entry(version).or_default().push(entry);
        Ok(())
    }

    pub fn clear_version(&self, version: u32) {
        if version == self.versions().0 {
            return self.clear();
        }
        self.state().versions.prepared.remove(&version);
    }

    /// Has a version take the place of the one in use; older ones go.
    pub fn commit(&self, version: u32) {
        let mut state = self.state();
        state.entries = state.versions.prepared.remove(&version).unwrap_or_default();
        state.versions.prepared.retain(|other, _| (other.wrapping_sub(version) as i32) > 0);
        state.versions.current = version;
        drop(state);
        self.changed();
    }

    /// What each kind of use finds for a value.
    pub fn look_up(&self, value: &str) -> Vec<Answer> {
        let (entries, uses) = {
            let state = self.state();
            (state.entries.clone(), state.uses.clone())
        };
        let mut kinds: Vec<Use> = Vec::new();
        for used in uses {
            let known = kinds.iter().any(|kind| kind.method == used.method && kind.flags == used.flags);
            if !known {
                kinds.push(used);
            }
        }
        kinds.into_iter().map(|used| find(&entries, used, value)).collect()
    }
}

fn find(entries: &[Entry], used: Use, value: &str) -> Answer {
    let Use { method, flags, .. } = used;
    let patterns = entries.iter().enumerate().filter_map(|(place, entry)| {
        Pattern::parse(method, flags, &entry.pattern).ok().map(|pattern| (place, pattern))
    });
    let index = Index::new(method, patterns);
    let value = Value::text(value).cast(method.input());
    let place = value.and_then(|value| index.find(&value, method, flags));
    Answer { method, ignores_case: flags.ignore_case, entry: place.and_then(|place| entries.get(place)).cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_takes_the_place_of_the_one_in_use() {
        let list = List::new(None, true);
        list.push("/a", Some("x"));
        let version = list.prepare();
        list.add_to(version, "/b", Some("y")).expect("a line");
        let names = |version| list.entries_of(version).into_iter().map(|entry| entry.pattern).collect::<Vec<_>>();
        assert_eq!((names(0), names(1), list.len_of_all()), (vec!["/a".to_owned()], vec!["/b".to_owned()], 2));
        list.commit(version);
        assert_eq!((names(0), names(1), list.versions()), (vec![], vec!["/b".to_owned()], (1, 1)));
        list.clear_version(1);
        assert!(list.is_empty());
    }
}
