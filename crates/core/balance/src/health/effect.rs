//! What a change of state makes the driver do, and the log lines that tell of it.

use super::counter::{Counter, Outcome};
use super::status::Verdict;
use super::{Health, Which};
use crate::log::Level;
use crate::server::{Millis, Oper};

/// One thing to do. In order: [`Effect::Changed`] comes before the line that counts what remains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Publish the verdict; servers that track this one follow.
    Changed,
    /// Send away what waits in the server's queue, or, after it came up, take in what waits at the backend. How many
    /// those were, the next line says ([`Around::moved`]).
    MoveQueue,
    /// Cut the server's sessions, termination code `D`.
    ShutdownSessions,
    /// Cut the sessions of all backup servers of the backend, termination code `U`.
    ShutdownBackupSessions,
    /// The server's `maxconn`, as its agent says.
    Maxconn(u32),
    Log(Level, StateLine),
}

/// What a line says that only the driver knows, after the change took place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around {
    /// Usable servers of the backend that are not backups.
    pub active: u32,
    pub backup: u32,
    /// Connections of this server.
    pub sessions: u32,
    /// Requests that [`Effect::MoveQueue`] moved.
    pub moved: u32,
    /// Requests still in the server's queue.
    pub queued: u32,
}

/// How the counts of [`Around`] end a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    None,
    Left,
    Online,
}

/// A line about a server's state, complete but for the counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateLine {
    text: String,
    tail: Tail,
}

impl StateLine {
    /// The line as it goes to the log.
    pub fn render(&self, around: &Around) -> String {
        let Around { active, backup, sessions, moved, queued } = around;
        let running = if *backup > 0 && *active == 0 { " Running on backup." } else { "" };
        let text = &self.text;
        match self.tail {
            Tail::None => format!("{text}."),
            Tail::Left => format!(
                "{text}. {active} active and {backup} backup servers left.{running} {sessions} sessions active, \
                 {moved} requeued, {queued} remaining in queue."
            ),
            Tail::Online => format!(
                "{text}. {active} active and {backup} backup servers online.{running} {moved} sessions requeued, \
                 {queued} total in queue."
            ),
        }
    }
}

/// The line of a backend that lost its last server; `kind` is `backend` or `proxy` (of a `listen`).
pub fn no_server_available(kind: &str, backend: &str) -> String {
    format!("{kind} {backend} has no server available!")
}

/// Why a state changed, at the end of its line.
pub(super) enum Why {
    /// The check says so, and nobody told its end yet.
    Check(Which),
    /// In these words.
    Said(&'static str),
    /// Somebody wished it, and not of the server it tracks.
    Forced,
    /// Said before, or by the server it tracks.
    Known,
}

impl Health {
    /// `Backup Server b/s `, the beginning of all lines.
    pub(super) fn subject(&self) -> String {
        let backup = if self.settings.backup { "Backup " } else { "" };
        format!("{backup}Server {}/{}", self.settings.backend, self.settings.server)
    }

    /// A line without reason and counts.
    pub(super) fn note(&self, what: &str) -> StateLine {
        StateLine { text: format!("{} {what}", self.subject()), tail: Tail::None }
    }

    /// A line with reason and counts.
    pub(super) fn report(&self, what: &str, why: Why) -> StateLine {
        StateLine { text: self.reasoned(what, why), tail: self.tail() }
    }

    /// A line with reason and without counts.
    pub(super) fn report_without_counts(&self, what: &str, why: Why) -> StateLine {
        StateLine { text: self.reasoned(what, why), tail: Tail::None }
    }

    fn reasoned(&self, what: &str, why: Why) -> String {
        let mut text = format!("{} {what}", self.subject());
        match why {
            Why::Check(which) => append_end(&mut text, self.counter(which)),
            Why::Said(reason) => text += &format!(", {reason}"),
            Why::Forced => return text,
            Why::Known => {}
        }
        text + &self.via()
    }

    /// ` via b/s` of a server that tracks.
    pub(super) fn via(&self) -> String {
        self.settings.tracks.as_ref().map(|tracked| format!(" via {tracked}")).unwrap_or_default()
    }

    fn tail(&self) -> Tail {
        if self.oper == Oper::Stopped { Tail::Left } else { Tail::Online }
    }

    /// The line of `option log-health-checks`.
    pub(super) fn check_line(&self, which: Which) -> StateLine {
        let counter = self.counter(which);
        let kind = if which == Which::Agent { "Agent" } else { "Health" };
        let backup = if self.settings.backup { "backup " } else { "" };
        let ending = match counter.last.status.verdict() {
            Verdict::Conditional => "conditionally succeeded",
            Verdict::Passed => "succeeded",
            _ => "failed",
        };
        let (settings, (runs, of)) = (&self.settings, counter.fraction());
        let mut text = format!("{kind} check for {backup}server {}/{} {ending}", settings.backend, settings.server);
        append_end(&mut text, counter);
        let state = match (counter.is_up(), self.weight.user) {
            (true, 0) => "DRAIN",
            (true, _) => "UP",
            (false, _) => "DOWN",
        };
        text += &format!(", status: {runs}/{of} {state}");
        StateLine { text, tail: Tail::None }
    }
}

/// `, reason: ..., code: 503, info: "...", check duration: 1ms`
fn append_end(text: &mut String, counter: &Counter) {
    let Outcome { status, code, info } = &counter.last;
    *text += &format!(", reason: {}", status.description());
    if status.has_code() {
        *text += &format!(", code: {code}");
    }
    if !info.is_empty() {
        *text += &format!(", info: \"{}\"", visible(info));
    }
    if let Some(duration) = counter.duration {
        *text += &format!(", check duration: {}ms", duration as Millis);
    }
}

/// Bytes that could confuse a reader of logs, by their numbers: `<22>`.
fn visible(text: &str) -> String {
    let plain = |byte: u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'<' | b'>');
    text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("<{byte:02X}>") }).collect()
}
