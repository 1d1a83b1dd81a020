//! What `barque status` tells: every part, how it is, what is wrong with it and what to do.

use serde::{Deserialize, Serialize};

/// All of it. Fields that another version does not know are left out or ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    pub version: String,
    pub kubernetes: String,
    pub node: String,
    /// Since the server started.
    pub seconds: u64,
    pub parts: Vec<Part>,
}

/// One part of the server and how it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Part {
    pub name: String,
    pub state: State,
    /// Figures, in words.
    pub detail: String,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub cause: String,
    pub cure: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    #[default]
    Well,
    Starting,
    /// The part is well; something in its care is not.
    Attention,
    Ill,
}

impl State {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Starting => "starting",
            Self::Attention => "attention",
            Self::Ill => "ill",
        }
    }
}

impl Part {
    pub fn well(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), detail: detail.into(), ..Self::default() }
    }

    /// Adds what is wrong; the state only ever gets worse.
    #[must_use]
    pub fn with(mut self, state: State, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        self.state = self.state.max(state);
        self.problems.push(Problem { cause: cause.into(), cure: cure.into() });
        self
    }
}

impl Report {
    /// Nothing of ours is ill or still starting; pods that fail are their owner's affair.
    pub fn is_well(&self) -> bool {
        self.parts.iter().all(|part| matches!(part.state, State::Well | State::Attention))
    }
}
