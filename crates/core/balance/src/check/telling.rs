//! How a check ended, in HAProxy's words.

use super::Kind;
use super::dialogue::Dialogue;
use super::rule::{Action, Connect, Expect, Info, Rule};
use crate::health::{Outcome, Status};

impl Dialogue {
    pub(super) fn empty(&self, rule: &Rule, expect: &Expect) -> Outcome {
        let comment = rule.comment.as_ref().map(|comment| format!(" comment: '{comment}'")).unwrap_or_default();
        let text = format!("TCPCHK got an empty response at step {}{comment}", rule.step);
        self.outcome(expect.error_status(), text)
    }

    pub(super) fn mismatch(&mut self, rule: &Rule, expect: &Expect, told: Option<String>) -> Outcome {
        let own = match &expect.on_error {
            Info::Usual => told,
            info => self.with_view(|view| info.make(&self.bytes, view)),
        };
        let usual = if self.check.kind == Kind::Tcp { expect.mismatch(rule.step) } else { String::new() };
        let mut text = own.unwrap_or(usual);
        if let Some(comment) = &rule.comment {
            text += &format!(" comment: {comment}");
        }
        self.take_code(expect);
        self.outcome(expect.error_status(), text)
    }

    /// All rules have run.
    pub(super) fn success(&mut self) -> Outcome {
        let check = self.check.clone();
        let written = self.check.kind == Kind::Tcp && check.rules.iter().any(|rule| rule.step > 0);
        let usual = if written { "(tcp-check)" } else { "" };
        match check.rules.get(self.current).map(|rule| &rule.action) {
            // The driver makes it L6OK where TLS was spoken.
            Some(Action::Connect(_)) => self.outcome(Status::L4Ok, usual.into()),
            Some(Action::Expect(_)) if self.says_404() => self.outcome(Status::L7OkConditional, String::new()),
            Some(Action::Expect(expect)) => {
                let own = self.with_view(|view| expect.on_success.make(&self.bytes, view));
                self.take_code(expect);
                self.outcome(expect.ok_status.unwrap_or(Status::L7Ok), own.unwrap_or_else(|| usual.into()))
            }
            _ => self.outcome(Status::L7Ok, "(tcp-check)".into()),
        }
    }

    fn take_code(&mut self, expect: &Expect) {
        if let Some(code) = &expect.code {
            let found = self.with_view(|view| code.find(&self.bytes, view));
            self.code = found.unwrap_or(self.code);
        }
    }

    pub(super) fn outcome(&self, status: Status, mut info: String) -> Outcome {
        // As HAProxy, which keeps it as C's strings are.
        info.truncate(info.find('\0').unwrap_or(info.len()));
        Outcome { status, code: if status.has_code() { self.code } else { 0 }, info }
    }

    /// ` at step 2 of tcp-check (send) comment: 'x'`: only `option tcp-check` tells it.
    pub(super) fn where_it_was(&self) -> String {
        if self.check.kind != Kind::Tcp {
            return String::new();
        }
        // A connect that fails has been left already: it is the current one.
        let Some(rule) = self.current_rule() else { return String::new() };
        if rule.step == 0 {
            return " at initial connection step of tcp-check".into();
        }
        let what = match &rule.action {
            Action::Connect(Connect { port: Some(port), .. }) => format!("connect port {port}"),
            Action::Connect(_) => "connect".into(),
            Action::Send(_) | Action::SendHttp(_) => "send".into(),
            Action::Expect(expect) => expect.waited_for(),
            _ => return format!(" at step {} of tcp-check", rule.step),
        };
        let comment = rule.comment.as_ref().map(|comment| format!(" comment: '{comment}'")).unwrap_or_default();
        format!(" at step {} of tcp-check ({what}){comment}", rule.step)
    }
}
