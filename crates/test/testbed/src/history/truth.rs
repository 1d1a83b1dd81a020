//! What happened, put together from all who saw something of it: acknowledgements, events, lists.

use super::writes::Writes;
use super::{Kind, List, Op, Outcome, Record, Report, Revision, namespace};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// None where only a list showed it.
    pub kind: Option<Kind>,
    pub key: String,
    /// What the object held: of a delete, the write before it.
    pub write: String,
}

/// All known changes, by namespace and revision. No two of ours have the same revision: each is a transaction.
#[derive(Default)]
pub struct Truth {
    changes: BTreeMap<String, BTreeMap<Revision, Change>>,
    lives: BTreeMap<String, BTreeMap<Revision, Change>>,
}

impl Truth {
    pub fn gather(records: &[Record], writes: &Writes, report: &mut Report) -> Self {
        let mut truth = Self::default();
        for (id, write) in writes.iter() {
            let kind = match write.op {
                Op::Create => Kind::Added,
                Op::Update => Kind::Modified,
                Op::Delete => continue,
            };
            if let Outcome::Done(revision) = write.outcome {
                let change = Change { kind: Some(kind), key: write.key.clone(), write: id.clone() };
                truth.learn("its writer", revision, change, report);
            }
        }
        for record in records {
            match record {
                Record::Event { watcher, kind, key, revision, write } => {
                    let change = Change { kind: Some(*kind), key: key.clone(), write: write.clone() };
                    truth.learn(watcher, *revision, change, report);
                }
                Record::Listed { watcher, list } => truth.learn_list(watcher, list, report),
                Record::Final(list) => truth.learn_list("the final list", list, report),
                _ => {}
            }
        }
        for (namespace, changes) in &truth.changes {
            for (revision, change) in changes {
                let life = truth.lives.entry(change.key.clone()).or_default();
                life.insert(*revision, change.clone());
                debug_assert_eq!(namespace, self::namespace(&change.key));
            }
        }
        truth
    }

    fn learn_list(&mut self, who: &str, list: &List, report: &mut Report) {
        for (key, (revision, write)) in &list.items {
            if *revision > list.revision {
                report.wrong.push(format!("{who} found {key} at {revision} in a list of {}", list.revision));
            }
            self.learn(who, *revision, Change { kind: None, key: key.clone(), write: write.clone() }, report);
        }
    }

    fn learn(&mut self, who: &str, revision: Revision, change: Change, report: &mut Report) {
        let changes = self.changes.entry(namespace(&change.key).to_owned()).or_default();
        let known = changes.entry(revision).or_insert_with(|| change.clone());
        known.kind = known.kind.or(change.kind);
        let agrees = known.key == change.key
            && known.write == change.write
            && (change.kind.is_none() || known.kind == change.kind);
        if !agrees {
            report.wrong.push(format!("revision {revision}: {who} saw {change:?}, another {known:?}"));
        }
    }

    /// The changes of a namespace.
    pub fn within(
        &self,
        namespace: &str,
        revisions: RangeInclusive<Revision>,
    ) -> impl Iterator<Item = (&Revision, &Change)> {
        let some = (revisions.start() <= revisions.end()).then_some(revisions);
        let changes = self.changes.get(namespace).zip(some);
        changes.into_iter().flat_map(|(changes, revisions)| changes.range(revisions))
    }

    pub fn last_kind(&self, key: &str) -> Option<Kind> {
        self.lives.get(key)?.values().next_back()?.kind
    }

    /// Each object was made once, then changed, then deleted, and each of that was asked for, once.
    pub fn check_lives(&self, writes: &Writes, report: &mut Report) {
        for (key, life) in self.lives.iter().filter(|(key, _)| writes.knows(key)) {
            let mut seen: BTreeMap<&str, Revision> = BTreeMap::new();
            let mut deleted = false;
            for (place, (revision, change)) in life.iter().enumerate() {
                if deleted || (change.kind == Some(Kind::Added) && place > 0) {
                    report.wrong.push(format!("revision {revision} of {key} cannot follow what was before: {life:?}"));
                }
                if change.kind == Some(Kind::Deleted) {
                    deleted = true;
                    if writes.delete_of(key).is_none() {
                        report.wrong.push(format!("revision {revision}: {key} was deleted by nobody"));
                    }
                    continue;
                }
                if let Some(before) = seen.insert(&change.write, *revision) {
                    report.wrong.push(format!("{} was done twice, at {before} and {revision}", change.write));
                }
                match writes.get(&change.write).map(|write| &write.outcome) {
                    None => report.wrong.push(format!("revision {revision} of {key} is of nobody: {change:?}")),
                    Some(Outcome::Refused(why)) => {
                        let write = &change.write;
                        report.wrong.push(format!("{write} was refused ({why}) but happened at {revision}"));
                    }
                    Some(Outcome::Done(_) | Outcome::Unknown(_)) => {}
                }
            }
        }
    }

    /// A list shows each object as its last change before the list's revision left it.
    pub fn check_list(&self, who: &str, list: &List, writes: &Writes, report: &mut Report) {
        let of_it = self.changes.get(&list.namespace).into_iter().flatten();
        let keys: std::collections::BTreeSet<&str> = of_it.map(|(_, change)| change.key.as_str()).collect();
        for key in keys.into_iter().filter(|key| writes.knows(key)) {
            let Some((at, last)) = self.lives.get(key).and_then(|life| life.range(..=list.revision).next_back()) else {
                continue;
            };
            let shown = list.items.get(key).map(|(revision, _)| *revision);
            let expected = (last.kind != Some(Kind::Deleted)).then_some(*at);
            // A delete of which nobody knows the revision.
            let perhaps_gone = shown.is_none() && writes.delete_of(key).is_some();
            if shown != expected && !perhaps_gone {
                let (listed, shown) = (list.revision, shown.map_or("nothing".to_owned(), |shown| shown.to_string()));
                report.wrong.push(format!("{who} at {listed} shows {shown} of {key}, last changed at {at}: {last:?}"));
            }
        }
    }
}
