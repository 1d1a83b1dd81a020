//! The writes: what their clients know of them, and what follows from that.

use super::streams::Watcher;
use super::truth::Truth;
use super::{Answer, Kind, Micros, Op, Outcome, Record, Report, Revision, namespace};
use std::collections::BTreeMap;

pub struct Write {
    pub op: Op,
    pub key: String,
    pub returned: Micros,
    pub outcome: Outcome,
}

/// All writes, by their ids, and by key in the order of their one writer.
#[derive(Default)]
pub struct Writes {
    by_id: BTreeMap<String, Write>,
    by_key: BTreeMap<String, Vec<String>>,
}

impl Writes {
    pub fn gather(records: &[Record], report: &mut Report) -> Self {
        let mut writes = Self::default();
        for record in records {
            match record {
                Record::Call { op, key, write, .. } => {
                    let outcome = Outcome::Unknown("its client was killed".to_owned());
                    let new = Write { op: *op, key: key.clone(), returned: Micros::MAX, outcome };
                    if writes.by_id.insert(write.clone(), new).is_some() {
                        report.wrong.push(format!("this history is useless: two writes have the id {write}"));
                    }
                    writes.by_key.entry(key.clone()).or_default().push(write.clone());
                }
                Record::Return { write, at, outcome } => match writes.by_id.get_mut(write) {
                    Some(known) => (known.returned, known.outcome) = (*at, outcome.clone()),
                    None => report.wrong.push(format!("this history is useless: {write} returned but was not called")),
                },
                _ => {}
            }
        }
        for write in writes.by_id.values() {
            match write.outcome {
                Outcome::Done(_) => report.acknowledged += 1,
                Outcome::Refused(_) => report.refused += 1,
                Outcome::Unknown(_) => report.unknown += 1,
            }
        }
        writes
    }

    pub fn get(&self, id: &str) -> Option<&Write> {
        self.by_id.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Write)> {
        self.by_id.iter()
    }

    /// Whether the key is of this test; others (a controller's) come and go as they like.
    pub fn knows(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// The key's delete, unless it was refused.
    pub fn delete_of(&self, key: &str) -> Option<&Write> {
        let ids = self.by_key.get(key)?.iter();
        ids.filter_map(|id| self.by_id.get(id))
            .find(|write| write.op == Op::Delete && !matches!(write.outcome, Outcome::Refused(_)))
    }

    /// An acknowledged delete was told to those who watched to the end.
    pub fn check_deletes(&self, watchers: &BTreeMap<String, Watcher>, truth: &Truth, report: &mut Report) {
        let ended: Vec<&str> = watchers.values().filter(|one| one.ended).map(|one| one.namespace.as_str()).collect();
        for (id, write) in self.iter().filter(|(_, write)| write.op == Op::Delete) {
            let done = matches!(write.outcome, Outcome::Done(_));
            let watched = ended.contains(&namespace(&write.key));
            if done && watched && truth.last_kind(&write.key) != Some(Kind::Deleted) {
                report.wrong.push(format!("the acknowledged delete {id} of {} was told to nobody", write.key));
            }
        }
    }

    /// A read shows at least what was acknowledged before it was asked.
    pub fn check_reads(&self, records: &[Record], report: &mut Report) {
        for record in records {
            let Record::Read { client, call, key, answer, .. } = record else { continue };
            report.reads += 1;
            match answer {
                Answer::Found(revision) => {
                    let newest = self.acknowledged_before(key, *call);
                    if *revision < newest {
                        let text = format!("{client} read {key} at {revision} after {newest} was acknowledged");
                        report.wrong.push(text);
                    }
                }
                Answer::Absent if self.acknowledged_before(key, *call) > 0 && self.delete_of(key).is_none() => {
                    report.wrong.push(format!("{client} did not find {key}, which was acknowledged before"));
                }
                Answer::Absent | Answer::Many | Answer::Failed(_) => {}
            }
        }
    }

    /// The newest revision of the key that its writer knew of at this time; 0 for none.
    fn acknowledged_before(&self, key: &str, time: Micros) -> Revision {
        let ids = self.by_key.get(key).into_iter().flatten();
        let done = ids.filter_map(|id| self.by_id.get(id)).filter(|write| write.returned < time);
        done.filter_map(|write| if let Outcome::Done(revision) = write.outcome { Some(revision) } else { None })
            .max()
            .unwrap_or(0)
    }
}
