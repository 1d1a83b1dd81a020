//! How long nothing was possible: the longest times without a success.

use super::{Answer, Micros, Outcome, Record};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// The longest time that some client (or group of clients) had no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    pub who: String,
    pub from: Micros,
    pub length: Duration,
}

/// The longest pause of writes, then that of reads, in `time`; of one that reaches out of it, the part within. `group` says whose successes count
/// together (a machine's, all): None leaves the client out.
pub fn longest(
    records: &[Record],
    time: &Range<Micros>,
    group: impl Fn(&str) -> Option<String>,
) -> (Option<Pause>, Option<Pause>) {
    let mut callers: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut writes, mut reads) = (BTreeMap::new(), BTreeMap::new());
    for record in records {
        match record {
            Record::Call { client, write, .. } => _ = callers.insert(write, client),
            Record::Return { write, at, outcome: Outcome::Done(_) } => {
                note(&mut writes, callers.get(write.as_str()).copied().and_then(&group), *at);
            }
            Record::Read { client, at, answer, .. } if !matches!(answer, Answer::Failed(_)) => {
                note(&mut reads, group(client), *at);
            }
            _ => {}
        }
    }
    (widest(writes, time), widest(reads, time))
}

fn note(successes: &mut BTreeMap<String, Vec<Micros>>, who: Option<String>, at: Micros) {
    if let Some(who) = who {
        successes.entry(who).or_default().push(at);
    }
}

fn widest(successes: BTreeMap<String, Vec<Micros>>, time: &Range<Micros>) -> Option<Pause> {
    let pauses = successes.into_iter().filter_map(|(who, mut times)| {
        times.sort_unstable();
        // To the end of the time, if there is no success after it: the pause may be longer still.
        times.push(times.last().copied().unwrap_or(0).max(time.end));
        let gaps = times.windows(2).filter(|pair| pair[0] < time.end && pair[1] > time.start);
        let gaps = gaps.map(|pair| (pair[0].max(time.start), pair[1].min(time.end)));
        let (from, to) = gaps.max_by_key(|(from, to)| to - from)?;
        Some(Pause { who, from, length: Duration::from_micros(to - from) })
    });
    pauses.max_by_key(|pause| pause.length)
}
