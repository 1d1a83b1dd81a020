//! What a command's handler gets.

use super::{Answer, Missing, ServerFacts, Session, Subject};

/// One command being run.
pub struct Call<'a> {
    /// What stands behind the command's own words.
    pub words: &'a [String],
    pub payload: Option<&'a str>,
    pub session: &'a mut Session,
    pub subject: &'a dyn Subject,
}

impl<'a> Call<'a> {
    /// The word at this place, empty when there is none.
    pub fn word(&self, at: usize) -> &'a str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// The server the first word names.
    pub fn server(&self) -> Result<ServerFacts, Answer> {
        let (backend, server) = self.server_name().ok_or_else(|| Answer::error("Require 'backend/server'.\n"))?;
        self.subject.server(backend, server).map_err(|missing| Answer::error(missing.text()))
    }

    /// `backend/server`, in two.
    pub fn server_name(&self) -> Option<(&'a str, &'a str)> {
        self.word(0).split_once('/').filter(|(_, server)| !server.is_empty())
    }
}

impl Missing {
    fn text(self) -> &'static str {
        match self {
            Missing::Backend => "No such backend.\n",
            Missing::Server => "No such server.\n",
        }
    }
}

/// Leading digits as C's `atoi` reads them: 0 for what is no number.
pub fn leading_number(word: &str) -> i64 {
    let (sign, digits) = word.strip_prefix('-').map_or((1, word), |rest| (-1, rest));
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    sign * digits[..end].parse::<i64>().unwrap_or(0)
}
