//! All lists of a configuration: a file that is named twice is one list.

use super::list::List;
use crate::config::Files;
use crate::sample::Notes;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lists in the order the configuration names them.
#[derive(Debug, Default)]
pub struct Library {
    state: Mutex<State>,
    notes: Notes,
}

#[derive(Debug, Default)]
struct State {
    lists: Vec<(Option<u32>, Arc<List>)>,
}

impl Library {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the line being read stands, and what samples name.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// What descriptions of lists say of the line being read: ` file 'x' line 3`.
    pub(super) fn origin(&self) -> String {
        let line = self.notes.standing().line;
        if line.line == 0 { String::new() } else { format!(" file '{}' line {}", line.file, line.line) }
    }

    /// A list without a file, with the number that `-u` gives it.
    pub(crate) fn anonymous(&self, id: Option<u32>) -> Arc<List> {
        let list = Arc::new(List::new(None, false));
        self.state().lists.push((id, Arc::clone(&list)));
        list
    }

    /// The list of a file, read when it is named for the first time.
    pub(crate) fn file(&self, name: &str, is_map: bool, files: &dyn Files) -> Result<Arc<List>, String> {
        let known = |state: &State| {
            state.lists.iter().find(|(_, list)| list.file() == Some(name)).map(|(_, list)| Arc::clone(list))
        };
        if let Some(list) = known(&self.state()) {
            return match list.is_map() == is_map {
                true => Ok(list),
                false => {
                    Err(format!("The file \"{name}\" is already used by {}", if is_map { "an acl" } else { "a map" }))
                }
            };
        }
        let bytes = files.read(Path::new(name)).map_err(|_| format!("failed to open pattern file <{name}>"))?;
        let list = Arc::new(List::new(Some(name.into()), is_map));
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A `#` behind blanks is a pattern's.
            let text = line.trim_matches([' ', '\t']);
            if text.is_empty() || line.starts_with('#') {
                continue;
            }
            match is_map {
                true => {
                    let (key, value) = text.split_once([' ', '\t']).unwrap_or((text, ""));
                    list.push(key, Some(value.trim_start_matches([' ', '\t'])));
                }
                false => list.push(text, None),
            }
        }
        self.state().lists.push((None, Arc::clone(&list)));
        Ok(list)
    }

    /// All lists with their numbers: those given by `-u`, the others counted from 0 around them.
    pub fn lists(&self) -> Vec<(u32, Arc<List>)> {
        let state = self.state();
        let taken: Vec<u32> = state.lists.iter().filter_map(|(id, _)| *id).collect();
        let mut free = (0..).filter(|id| !taken.contains(id));
        let number = |(id, list): &(Option<u32>, Arc<List>)| Some((id.or_else(|| free.next())?, Arc::clone(list)));
        state.lists.iter().filter_map(number).collect()
    }

    /// The map or ACL list that `#3` or a file's name means.
    pub fn find(&self, reference: &str, is_map: bool) -> Option<Arc<List>> {
        let id = reference.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
        let mut lists = self.lists().into_iter().filter(|(_, list)| list.is_map() == is_map);
        lists
            .find(|(number, list)| id == Some(*number) || id.is_none() && list.file() == Some(reference))
            .map(|found| found.1)
    }
}
