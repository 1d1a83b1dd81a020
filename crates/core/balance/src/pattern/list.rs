//! A list of patterns, or of patterns and values, as text. The statistics socket shows and changes it.

use super::matcher::{Flags, Output, check};
use super::method::Method;
use super::versions::Versions;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Names it on the statistics socket; never used again in this list.
    pub id: u64,
    pub pattern: String,
    pub value: Option<String>,
}

/// One way in which a list is used: what a new line must be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub method: Method,
    pub flags: Flags,
    pub output: Option<Output>,
}

#[derive(Debug)]
pub struct List {
    /// The file it was read from.
    file: Option<String>,
    /// Maps have values.
    is_map: bool,
    /// Raised by each change.
    version: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: Vec<Entry>,
    pub(super) versions: Versions,
    next_id: u64,
    pub(super) uses: Vec<Use>,
    /// What it is used by, as `show acl` tells it.
    users: Vec<String>,
}

impl List {
    pub(super) fn new(file: Option<String>, is_map: bool) -> Self {
        Self { file, is_map, version: AtomicU64::new(1), state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves whole lines.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    pub fn is_map(&self) -> bool {
        self.is_map
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What `show acl` and `show map` say of it.
    pub fn description(&self) -> String {
        let users = self.state().users.join(", ");
        match &self.file {
            Some(file) => format!("pattern loaded from file '{file}' used {users}"),
            None => users,
        }
    }

    pub(super) fn used(&self, used: Use, user: String) {
        let mut state = self.state();
        state.uses.push(used);
        if !user.is_empty() {
            state.users.push(user);
        }
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }

    pub fn len(&self) -> usize {
        self.state().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a line; what is wrong with it, if it is good for none of the list's uses.
    pub fn add(&self, pattern: &str, value: Option<&str>) -> Result<(), String> {
        let mut state = self.state();
        for used in &state.uses {
            check(used.method, used.flags, pattern)?;
            if let (Some(output), Some(value)) = (used.output, value) {
                output.parse(value)?;
            }
        }
        state.push(pattern, value);
        self.changed();
        Ok(())
    }

    /// Appends a line of the configuration; its use checks it.
    pub(crate) fn add_unchecked(&self, pattern: &str) {
        self.push(pattern, None);
    }

    pub(super) fn push(&self, pattern: &str, value: Option<&str>) {
        self.state().push(pattern, value);
        self.changed();
    }

    /// Gives all lines of this pattern, or the one of this id, another value; whether there are any.
    pub fn set(&self, key: Key<'_>, value: &str) -> Result<bool, String> {
        let mut state = self.state();
        for output in state.uses.iter().filter_map(|used| used.output) {
            output.parse(value)?;
        }
        let mut any = false;
        for entry in state.entries.iter_mut().filter(|entry| key.means(entry)) {
            entry.value = Some(value.into());
            any = true;
        }
        self.changed();
        Ok(any)
    }

    /// Removes all lines of this pattern, or the one of this id; whether there were any.
    pub fn remove(&self, key: Key<'_>) -> bool {
        let mut state = self.state();
        let before = state.entries.len();
        state.entries.retain(|entry| !key.means(entry));
        self.changed();
        state.entries.len() != before
    }

    pub fn clear(&self) {
        self.state().entries.clear();
        self.changed();
    }

    pub(super) fn changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl State {
    fn push(&mut self, pattern: &str, value: Option<&str>) {
        let entry = self.entry(pattern, value);
        self.entries.push(entry);
    }

    /// A line with a number of its own.
    pub(super) fn entry(&mut self, pattern: &str, value: Option<&str>) -> Entry {
        self.next_id += 1;
        Entry { id: self.next_id, pattern: pattern.to_owned(), value: value.map(str::to_owned) }
    }
}

/// What names lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    Pattern(&'a str),
    Id(u64),
}

impl Key<'_> {
    fn means(self, entry: &Entry) -> bool {
        match self {
            Self::Pattern(pattern) => entry.pattern == pattern,
            Self::Id(id) => entry.id == id,
        }
    }
}
