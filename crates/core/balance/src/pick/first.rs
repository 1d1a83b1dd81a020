//! `balance first`: the server with the lowest id that is not full, so that others can be switched off.

use super::{Candidate, Loads};

#[derive(Debug, Clone, Default)]
pub struct First {
    /// In order of ids.
    servers: Vec<usize>,
}

impl First {
    pub fn rebuild(&mut self, group: &[&Candidate]) {
        let mut group = group.to_vec();
        group.sort_by_key(|server| server.id);
        self.servers = group.iter().map(|server| server.index).collect();
    }

    pub fn pick(&mut self, loads: &Loads<'_>, avoid: Option<usize>) -> Option<usize> {
        let mut free = self.servers.iter().copied().filter(|index| !loads(*index).is_full());
        let first = free.next()?;
        if avoid != Some(first) {
            return Some(first);
        }
        free.next().or(Some(first))
    }
}
