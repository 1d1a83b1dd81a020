//! The form of the page: what is posted, and what becomes of it.

use crate::cli::{Missing, ServerChange, Subject, WhichAddress};
use crate::health::{ForcedHealth, Wish};

/// What became of a posted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Some servers were not found.
    Part,
    /// Nothing was asked for.
    Nothing,
    /// It asks for what is not there.
    Wrong,
    /// More than the buffer holds.
    TooLong,
    Denied,
}

/// Outcome, word in the address, colour, text.
const OUTCOMES: &[(Outcome, &str, &str, &str)] = &[
    (Outcome::Done, "DONE", "good", "Done."),
    (Outcome::Part, "PART", "warn", "Done in part: some of the servers are not known, or refused."),
    (Outcome::Nothing, "NONE", "warn", "Nothing has changed: tick servers and choose what to do."),
    (Outcome::Wrong, "ERRP", "bad", "Not done: there is no such server, backend or action."),
    (Outcome::TooLong, "EXCD", "bad", "Not done: too many servers at once. Try again with fewer."),
    (Outcome::Denied, "DENY", "bad", "Not done: you have no right to."),
];

impl Outcome {
    pub fn word(self) -> &'static str {
        self.line().1
    }

    pub(super) fn class(self) -> &'static str {
        self.line().2
    }

    pub(super) fn text(self) -> &'static str {
        self.line().3
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        OUTCOMES.iter().find(|(_, known, ..)| *known == word).map(|(outcome, ..)| *outcome)
    }

    fn line(self) -> &'static (Outcome, &'static str, &'static str, &'static str) {
        OUTCOMES.iter().find(|(outcome, ..)| *outcome == self).unwrap_or(&OUTCOMES[3])
    }
}

/// Whether a form may come from the page a browser says it comes from. A page of somebody else must not act on servers
/// with the reader's rights; scripts send neither header.
pub fn allowed_from(host: Option<&str>, origin: Option<&str>, fetch_site: Option<&str>) -> bool {
    if fetch_site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    match (origin, host) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        }
        _ => true,
    }
}

/// Carries out `s=<server>&action=<word>&b=<backend>`; `s` may come several times.
pub fn apply(body: &str, subject: &dyn Subject) -> Outcome {
    let (mut servers, mut action, mut backend) = (Vec::new(), String::new(), String::new());
    for pair in body.trim().split('&') {
        let Some((key, value)) = pair.split_once('=') else { continue };
        let blanks = value.replace('+', " ");
        let value = percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned();
        match key {
            "s" => servers.push(value),
            "action" => action = value,
            "b" => backend = value,
            _ => {}
        }
    }
    if servers.is_empty() || action.is_empty() || backend.is_empty() {
        return Outcome::Nothing;
    }
    let Some(change) = change(&action) else { return Outcome::Wrong };
    let done = servers.iter().filter(|server| act(subject, &backend, server, &change) == Ok(true)).count();
    match done {
        0 => Outcome::Wrong,
        done if done < servers.len() => Outcome::Part,
        _ => Outcome::Done,
    }
}

/// Whether the server let it be done.
fn act(subject: &dyn Subject, backend: &str, name: &str, change: &ServerChange) -> Result<bool, Missing> {
    let server = subject.server(backend, name)?;
    let needs_agent = matches!(change, ServerChange::Agent(_) | ServerChange::Checks(WhichAddress::Agent, _));
    let needs_check = matches!(change, ServerChange::Checks(WhichAddress::Check, _));
    let refused = needs_agent && !server.agent.configured
        || needs_check && !server.check.configured
        || matches!(change, ServerChange::Health(_)) && server.tracks;
    Ok(!refused && subject.change_server(server.id, change.clone()).is_ok())
}

/// Words of the form, older ones included.
fn change(action: &str) -> Option<ServerChange> {
    Some(match action {
        "ready" | "enable" | "start" => ServerChange::State(Wish::Ready),
        "drain" => ServerChange::State(Wish::Drain),
        "maint" | "disable" | "stop" => ServerChange::State(Wish::Maint),
        "dhlth" => ServerChange::Checks(WhichAddress::Check, false),
        "ehlth" => ServerChange::Checks(WhichAddress::Check, true),
        "hrunn" => ServerChange::Health(ForcedHealth::Up),
        "hnolb" => ServerChange::Health(ForcedHealth::Stopping),
        "hdown" => ServerChange::Health(ForcedHealth::Down),
        "dagent" => ServerChange::Checks(WhichAddress::Agent, false),
        "eagent" => ServerChange::Checks(WhichAddress::Agent, true),
        "arunn" => ServerChange::Agent(true),
        "adown" => ServerChange::Agent(false),
        "shutdown" => ServerChange::ShutdownSessions,
        _ => return None,
    })
}
