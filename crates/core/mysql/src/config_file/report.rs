//! What is wrong with a file, in as few lines as say it: of variables without effect one line a reason.

use super::{Level, Problem};
use std::collections::BTreeMap;

const WITHOUT_EFFECT: &str = " has no effect: ";

/// Errors first, then warnings, then notes, each by its place; notes of one reason are one line.
#[must_use]
pub fn report(problems: &[Problem]) -> Vec<(Level, String)> {
    let mut lines = Vec::new();
    for level in [Level::Error, Level::Warning] {
        let mine = problems.iter().filter(|problem| problem.level == level);
        lines.extend(mine.map(|problem| (level, problem.to_string())));
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for problem in problems.iter().filter(|problem| problem.level == Level::Note) {
        match problem.message.split_once(WITHOUT_EFFECT) {
            Some((name, why)) => reasons.entry(why).or_default().push(format!("{name} ({})", problem.place)),
            None => lines.push((Level::Note, problem.to_string())),
        }
    }
    let grouped = reasons.into_iter().map(|(why, names)| format!("no effect: {}: {why}", names.join(", ")));
    lines.extend(grouped.map(|line| (Level::Note, line)));
    lines
}
