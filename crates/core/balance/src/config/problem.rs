//! What is wrong with a configuration, in HAProxy's lines.

use super::model::Place;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Said only with `-dD`.
    Diag,
    Notice,
    Warning,
    /// The configuration cannot run.
    Alert,
}

/// One message: `config : parsing [file:line] : ...`, as it stands after the level and the pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub level: Level,
    pub text: String,
    /// The line it is about, if it is about one; the text names it, too.
    pub place: Option<Place>,
}

/// All messages of a configuration that cannot run; at least one is an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    pub fn new(level: Level, text: impl Into<String>) -> Self {
        Self { level, text: text.into(), place: None }
    }

    /// The same, about a line.
    pub fn at(self, place: &Place) -> Self {
        Self { place: Some(place.clone()), ..self }
    }

    pub fn alert(text: impl Into<String>) -> Self {
        Self::new(Level::Alert, text)
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self::new(Level::Warning, text)
    }

    /// The line HAProxy prints on standard error, without its end.
    pub fn render(&self, pid: u32) -> String {
        format!("{:<10} ({pid}) : {}", format!("[{}]", self.level), self.text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Diag => "DIAG",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Alert => "ALERT",
        })
    }
}
