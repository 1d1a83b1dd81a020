//! A check at work: walks along the rules, says what to do next, and how it ended.
//!
//! Invariants
//! - Whatever bytes come, it ends: each rule is left once for each time it is entered, and no more than
//!   [`LONGEST_ANSWER`] bytes of an answer are kept.
//! - A step asks for one thing. The driver does it and reports; it alone knows time.

use super::expect::Found;
use super::http::{HttpRequest, Response};
use super::rule::{Action, Answer, Connect, Expect, Rule, Set};
use super::view::{About, Vars, View};
use super::{Check, Kind, LONGEST_ANSWER};
use crate::health::{Outcome, Status};
use crate::sample::{Context, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Close what is open, open this, and call [`Dialogue::connected`] or [`Dialogue::failed`].
    Connect(Connect),
    /// Send all of it, then call [`Dialogue::sent`].
    Send(Vec<u8>),
    /// The same, for a request. Over HTTP/2 the answer is to be given in the form of HTTP/1.
    Request(Box<HttpRequest>),
    /// Wait for bytes or the end of the stream, for [`Dialogue::received`] or [`Dialogue::closed`].
    Read,
    Done(Outcome),
}

/// How far a connection had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// No connection could even be tried.
    Nothing,
    Connecting,
    /// In TLS's handshake.
    Handshake,
    Established,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Timeout,
    /// In the system's words, such as `Connection refused`.
    Error(String),
}

/// One run of a check.
pub struct Dialogue {
    pub(super) check: Arc<Check>,
    pub(super) about: About,
    pub(super) vars: Vars,
    /// The rule that runs next.
    pub(super) next: usize,
    /// The rule that ran last.
    pub(super) current: usize,
    /// The answer since the last connect or send.
    pub(super) bytes: Vec<u8>,
    /// No more will come.
    pub(super) closed: bool,
    pub(super) code: i32,
}

impl Dialogue {
    pub fn new(check: Arc<Check>, about: About) -> Self {
        Self { check, about, vars: Vars::default(), next: 0, current: 0, bytes: Vec::new(), closed: false, code: 0 }
    }

    pub fn start(&mut self) -> Step {
        self.run()
    }

    /// The connection is there, TLS's handshake included.
    pub fn connected(&mut self) -> Step {
        self.run()
    }

    pub fn sent(&mut self) -> Step {
        self.run()
    }

    pub fn received(&mut self, bytes: &[u8]) -> Step {
        let room = LONGEST_ANSWER - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.run()
    }

    /// The server ended the stream.
    pub fn closed(&mut self) -> Step {
        self.closed = true;
        self.run()
    }

    /// The connection broke, in the system's words. What came before is looked at as if the server had closed.
    pub fn broken(&mut self, reason: String) -> Step {
        if self.bytes.is_empty() {
            return Step::Done(self.failed(Layer::Established, Failure::Error(reason)));
        }
        self.closed()
    }

    /// The connection could not be made, broke, or time is up.
    pub fn failed(&mut self, layer: Layer, failure: Failure) -> Outcome {
        let timeout = failure == Failure::Timeout;
        let status = match (layer, timeout) {
            (Layer::Nothing, _) | (Layer::Established, false) => Status::SocketError,
            (Layer::Connecting, true) => Status::L4Timeout,
            (Layer::Connecting, false) => Status::L4Connection,
            (Layer::Handshake, true) => Status::L6Timeout,
            (Layer::Handshake, false) => Status::L6Response,
            (Layer::Established, true) => match self.current_rule().map(|rule| &rule.action) {
                Some(Action::Expect(expect)) => expect.timeout_status.unwrap_or(Status::L7Timeout),
                _ => Status::L7Timeout,
            },
        };
        let text = match failure {
            Failure::Timeout => String::new(),
            Failure::Error(text) => text,
        };
        self.outcome(status, text + &self.where_it_was())
    }

    /// Whether the connection can bear another check's request: the answer to the last one is whole, and the server has
    /// not said that it closes.
    pub fn leaves_open(&self) -> bool {
        let response = || Response::read(&self.bytes, false).ok().flatten();
        self.check.kind == Kind::Http
            && !self.closed
            && response().is_some_and(|response| response.complete && response.persists)
    }

    fn rules(&self) -> &[Rule] {
        &self.check.rules
    }

    pub(super) fn current_rule(&self) -> Option<&Rule> {
        self.rules().get(self.current)
    }

    /// Runs rules until one needs the world.
    fn run(&mut self) -> Step {
        let check = self.check.clone();
        while let Some(rule) = check.rules.get(self.next) {
            let step = match &rule.action {
                Action::Connect(connect) => Some(self.connect(connect)),
                Action::Send(text) => {
                    let bytes = self.with_view(|view| text.make(view).into_owned());
                    Some(self.send(bytes))
                }
                Action::SendHttp(request) => {
                    let made = self.with_view(|view| request.make(&self.about, view));
                    self.bytes.clear();
                    Some(Step::Request(Box::new(made)))
                }
                Action::Expect(expect) => self.expect(rule, expect),
                Action::Set(var, set) => {
                    self.with_view(|view| view.set_var(var, evaluate(set, view)));
                    None
                }
                Action::Unset(var) => {
                    self.with_view(|view| view.set_var(var, None));
                    None
                }
                Action::Comment(_) => None,
            };
            if step.as_ref().is_none_or(|step| !matches!(step, Step::Read | Step::Done(_))) {
                if !matches!(rule.action, Action::Comment(_) | Action::Set(..) | Action::Unset(_)) {
                    self.current = self.next;
                }
                self.next += 1;
            }
            if let Some(step) = step {
                return step;
            }
        }
        Step::Done(self.success())
    }

    fn connect(&mut self, connect: &Connect) -> Step {
        self.bytes.clear();
        self.closed = false;
        let mut connect = connect.clone();
        if let Some(expr) = &connect.port_expr {
            let port = self.with_view(|view| expr.get(view).and_then(|value| value.as_int()));
            connect.port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        }
        Step::Connect(connect)
    }

    fn send(&mut self, bytes: Vec<u8>) -> Step {
        self.bytes.clear();
        Step::Send(bytes)
    }

    /// Nothing is returned where the answer is as it should be.
    fn expect(&mut self, rule: &Rule, expect: &Expect) -> Option<Step> {
        self.current = self.next;
        let last = self.closed || self.bytes.len() >= LONGEST_ANSWER;
        if self.bytes.is_empty() && !last {
            return Some(Step::Read);
        }
        let found = match self.check.kind {
            Kind::Http => self.look_http(expect, last),
            _ if self.bytes.is_empty() => return Some(Step::Done(self.empty(rule, expect))),
            _ => self.with_view(|view| expect.look(&self.bytes, last, view)),
        };
        match found {
            Found::Good => None,
            // Of several expects in a row the first one looks at the longer answer again.
            Found::Wait => {
                self.next = self.first_expect();
                Some(Step::Read)
            }
            Found::Own(Answer::Bad { status, code, info }) => {
                self.code = code;
                Some(Step::Done(self.outcome(status, info)))
            }
            Found::Own(_) => None,
            Found::Bad(told) => Some(Step::Done(self.mismatch(rule, expect, told))),
        }
    }

    fn look_http(&mut self, expect: &Expect, last: bool) -> Found {
        let response = match Response::read(&self.bytes, last) {
            Err(invalid) => return invalid.into(),
            Ok(None) => return Found::Wait,
            Ok(Some(response)) => response,
        };
        self.code = i32::from(response.head.status);
        if self.says_404() {
            return Found::Good;
        }
        self.with_view(|view| expect.look_http(&response, view))
    }

    /// A running server that answers 404 wants to stop softly, whatever else is expected.
    pub(super) fn says_404(&self) -> bool {
        self.check.disable_on_404 && self.about.running && self.code == 404
    }

    /// The first of the expects that the next rule belongs to.
    fn first_expect(&self) -> usize {
        let before = &self.rules()[..self.next];
        let run = before.iter().rev().take_while(|rule| matches!(rule.action, Action::Expect(_))).count();
        self.next - run
    }

    pub(super) fn with_view<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        let response = match self.check.kind {
            Kind::Http => Response::read(&self.bytes, self.closed).ok().flatten(),
            _ => None,
        };
        let response = response.as_ref().map(|response| &response.head);
        look(&View { about: &self.about, vars: &self.vars, bytes: &self.bytes, complete: self.closed, response })
    }
}

/// A variable's new value.
fn evaluate(set: &Set, context: &dyn Context) -> Option<Value<'static>> {
    match set {
        Set::Format(format) => Some(Value::Str(Cow::Owned(super::text::render(format, context)))),
        Set::Expr(expr) => expr.get(context).map(Value::into_owned),
    }
}
