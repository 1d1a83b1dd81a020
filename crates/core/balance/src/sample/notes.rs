//! What is known while lines are read and what they leave to be checked: where a line stands, and which frontends,
//! backends, servers, tables and userlists its samples name.

use super::args::Kind;
use super::{Place, Source};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where the line being read stands.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// `file:line`.
    pub line: crate::config::model::Place,
    /// Name of the section.
    pub proxy: String,
    /// Rule sets that evaluate it, the frontend's first; none where everything is good enough.
    pub places: Vec<Place>,
    /// As messages say it: ` in http-request expression`.
    pub within: &'static str,
    /// What kind of section it is: `frontend`, `backend`, else `proxy`; empty where there is none.
    pub kind: &'static str,
}

/// Something an expression names that must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub kind: Kind,
    /// Empty for the proxy the expression stands in; of a server `backend/server` or `server`.
    pub name: String,
    /// Of the argument, from 1.
    pub position: usize,
    /// The keyword whose argument it is.
    pub keyword: String,
    /// For a converter's argument the fetch it follows.
    pub converter_of: Option<String>,
    pub in_acl: bool,
}

/// A reference and where it was read.
#[derive(Debug, Clone)]
pub struct Note {
    pub standing: Standing,
    pub reference: Reference,
}

#[derive(Debug, Default)]
pub struct Notes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    standing: Standing,
    notes: Vec<Note>,
    warnings: Vec<String>,
}

impl Notes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the lines that follow stand.
    pub fn stand(&self, standing: Standing) {
        self.state().standing = standing;
    }

    pub fn standing(&self) -> Standing {
        self.state().standing.clone()
    }

    pub(crate) fn add(&self, references: Vec<Reference>) {
        let mut state = self.state();
        let standing = state.standing.clone();
        state.notes.extend(references.into_iter().map(|reference| Note { standing: standing.clone(), reference }));
    }

    pub(crate) fn warn(&self, text: String) {
        self.state().warnings.push(text);
    }

    /// What was odd in the lines so far, each with its place where it has one.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.state().warnings)
    }

    /// All references so far.
    pub fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.state().notes)
    }

    /// Whether what comes from this source can be had where the line stands, in one of its places.
    pub(crate) fn reaches(&self, source: Source) -> bool {
        let state = self.state();
        let places = &state.standing.places;
        places.is_empty() || places.iter().any(|place| source.reaches(*place))
    }

    /// The place whose name warnings of conditions tell.
    pub(crate) fn first_place(&self) -> Option<Place> {
        self.state().standing.places.first().copied()
    }
}
