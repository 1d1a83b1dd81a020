//! What is told about Jobs before the status lists them anew: ends, and what was not expected.

use super::{Round, Run};
use crate::Action;

impl Round {
    /// Jobs that ended since they were listed as active.
    pub fn seen_ends(&self) -> Vec<Action> {
        let ended = self.runs.iter().filter(|run| self.is_listed(&run.object.head.uid));
        ended
            .filter_map(|run| {
                let message = format!("Saw completed job: {}, condition: {}", run.object.head.name, run.end()?);
                Some(self.event(false, "SawCompletedJob", message))
            })
            .collect()
    }

    /// Jobs of ours that somebody else made, and Jobs listed as active that are gone.
    pub fn surprises(&self) -> Vec<Action> {
        let is_foreign =
            |run: &&Run| run.end().is_none() && !run.is_scheduled() && !self.is_listed(&run.object.head.uid);
        let foreign = self.runs.iter().filter(is_foreign).map(|run| {
            let name = &run.object.head.name;
            let message = format!("Saw a job that the controller did not create or forgot: {name}");
            self.event(true, "UnexpectedJob", message)
        });
        let is_here = |uid: &str| self.runs.iter().any(|run| run.object.head.uid == uid);
        let listed = self.cron.status.iter().filter_map(|status| status.active.as_ref()).flatten();
        let missing = listed.filter(|listed| !is_here(listed.uid.as_deref().unwrap_or_default())).map(|listed| {
            let name = listed.name.as_deref().unwrap_or_default();
            self.event(false, "MissingJob", format!("Active job went missing: {name}"))
        });
        foreign.chain(missing).collect()
    }
}
