//! Collects what is wrong while reading, with the place of the line that is read.

use super::model::Place;
use super::problem::{Level, Problem};

#[derive(Debug, Default)]
pub struct Report {
    pub problems: Vec<Problem>,
    pub place: Place,
    /// Keywords accepted without effect, each with the first place and the reason.
    pub ignored: Vec<(String, Place, &'static str)>,
}

impl Report {
    /// `parsing [file:line] : text`, which stops the start.
    pub fn alert(&mut self, text: impl AsRef<str>) {
        self.push(Level::Alert, format!("parsing [{}] : {}", self.place, text.as_ref()));
    }

    /// The same without the blank before the colon; HAProxy has both.
    pub fn alert_tight(&mut self, text: impl AsRef<str>) {
        self.push(Level::Alert, format!("parsing [{}]: {}", self.place, text.as_ref()));
    }

    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.push(Level::Warning, format!("parsing [{}] : {}", self.place, text.as_ref()));
    }

    /// `config : text`, as it stands.
    pub fn push(&mut self, level: Level, text: impl AsRef<str>) {
        self.problems.push(Problem::new(level, format!("config : {}", text.as_ref())).at(&self.place));
    }

    /// Puts in what the owners of lines said, each behind what was said of the lines before; `since` is how much there
    /// was when the section began.
    pub fn merge(&mut self, since: usize, problems: Vec<Problem>) {
        for problem in problems {
            let line = |problem: &Problem| problem.place.as_ref().map_or(usize::MAX, |place| place.line);
            let own = line(&problem);
            let behind = self.problems[since..].iter().rposition(|other| line(other) <= own);
            self.problems.insert(behind.map_or(since, |behind| since + behind + 1), problem);
        }
    }

    /// What samples name and is not there. HAProxy says several in one message.
    pub fn merge_references(&mut self, problems: Vec<Problem>) {
        match &problems[..] {
            [] => {}
            [one] => self.problems.push(one.clone()),
            several => {
                let text = |problem: &Problem| problem.text.trim_start_matches("config : ").to_owned();
                let lines: String = several.iter().map(|problem| format!("\n        {}", text(problem))).collect();
                self.push(Level::Alert, format!("multiple argument resolution errors:{lines}"));
            }
        }
    }

    pub fn ignore(&mut self, name: &str, reason: &'static str) {
        if !self.ignored.iter().any(|(known, ..)| known == name) {
            self.ignored.push((name.to_owned(), self.place.clone(), reason));
        }
    }

    pub fn fatal(&self) -> bool {
        self.problems.iter().any(|problem| problem.level == Level::Alert)
    }

    pub fn alerts(&self) -> usize {
        self.problems.iter().filter(|problem| problem.level == Level::Alert).count()
    }
}
