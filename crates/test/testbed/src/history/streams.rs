//! The watchers: each covers ranges of revisions, and saw all that happened in them, in order, once.

use super::truth::Truth;
use super::{Kind, Record, Report, Revision};
use std::collections::BTreeMap;

/// From a list to the next one: however often the stream broke between.
pub struct Segment {
    from: Revision,
    /// All up to there was told.
    to: Revision,
    events: Vec<(Revision, Kind, String)>,
}

#[derive(Default)]
pub struct Watcher {
    pub namespace: String,
    pub ended: bool,
    segments: Vec<Segment>,
}

pub fn gather(records: &[Record], report: &mut Report) -> BTreeMap<String, Watcher> {
    let mut watchers: BTreeMap<String, Watcher> = BTreeMap::new();
    for record in records {
        match record {
            Record::Listed { watcher, list } => {
                let one = watchers.entry(watcher.clone()).or_default();
                one.namespace.clone_from(&list.namespace);
                one.begin(watcher, list.revision, report);
            }
            Record::Event { watcher, kind, key, revision, .. } => {
                report.events += 1;
                match segment(&mut watchers, watcher) {
                    Some(open) => open.take(watcher, *revision, *kind, key, report),
                    None => report.wrong.push(format!("this history is useless: {watcher} did not list first")),
                }
            }
            Record::Bookmark { watcher, revision } => {
                if let Some(open) = segment(&mut watchers, watcher) {
                    open.mark(watcher, *revision, report);
                }
            }
            Record::Broke { .. } => report.breaks += 1,
            Record::Ended { watcher } => {
                if let Some(one) = watchers.get_mut(watcher) {
                    one.ended = true;
                }
            }
            _ => {}
        }
    }
    report.watchers = watchers.len();
    watchers
}

fn segment<'a>(watchers: &'a mut BTreeMap<String, Watcher>, name: &str) -> Option<&'a mut Segment> {
    watchers.get_mut(name)?.segments.last_mut()
}

/// Nothing that happened in a range was missed by who covers it.
pub fn check(watchers: &BTreeMap<String, Watcher>, truth: &Truth, report: &mut Report) {
    for (name, watcher) in watchers {
        for segment in &watcher.segments {
            let seen: BTreeMap<Revision, (Kind, &str)> =
                segment.events.iter().map(|(revision, kind, key)| (*revision, (*kind, key.as_str()))).collect();
            for (revision, change) in truth.within(&watcher.namespace, segment.from + 1..=segment.to) {
                if !seen.contains_key(revision) {
                    let (from, to) = (segment.from, segment.to);
                    let text = format!("{name} covers {from}..{to} and missed revision {revision}: {change:?}");
                    report.wrong.push(text);
                }
            }
        }
    }
}

impl Watcher {
    fn begin(&mut self, name: &str, revision: Revision, report: &mut Report) {
        if let Some(last) = self.segments.last() {
            report.relists += 1;
            if revision < last.to {
                report.wrong.push(format!("{name} knew revision {} and was given a list of {revision}", last.to));
            }
        }
        self.segments.push(Segment { from: revision, to: revision, events: Vec::new() });
    }
}

impl Segment {
    fn take(&mut self, name: &str, revision: Revision, kind: Kind, key: &str, report: &mut Report) {
        if revision <= self.to {
            let text = format!("{name} was told {kind:?} {key} at {revision} after {}: again, or too late", self.to);
            report.wrong.push(text);
        }
        self.to = self.to.max(revision);
        self.events.push((revision, kind, key.to_owned()));
    }

    fn mark(&mut self, name: &str, revision: Revision, report: &mut Report) {
        if revision < self.to {
            report.wrong.push(format!("{name} was given a bookmark of {revision} after {}", self.to));
        }
        self.to = self.to.max(revision);
    }
}
