//! One rule, and what its action may be.

use super::{
    answer::Answering,
    capture::Capture,
    counters::CounterAction,
    early_hint::EarlyHint,
    exchange::{Effect, Exchange, Verdict},
    headers::HeaderAction,
    maps::MapAction,
    normalize::Normalizer,
    redirect::Redirect,
    stream::StreamAction,
    track::Track,
    uri::UriAction,
    variables::VarAction,
};
use crate::{acl::Condition, log::Format, sample::Side};

/// An action and the condition under which it applies.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Boxed, since actions differ much in size and lists of rules are walked for each request.
    pub(super) action: Box<Action>,
    pub(super) condition: Option<Condition>,
    /// Whose message the rule changes: requests come from the client, responses from the server.
    pub(super) side: Side,
}

#[derive(Debug, Clone)]
pub enum Action {
    /// Ends the list, always with the same verdict.
    End(Verdict),
    /// `deny`, `tarpit`, `return`, `auth`.
    Answer(Answering),
    Redirect(Redirect),
    Header(HeaderAction),
    Uri(UriAction),
    Normalize(Normalizer),
    /// `set-status`.
    Status {
        status: u16,
        reason: Option<String>,
    },
    Variable(VarAction),
    Track(Track),
    Counter(CounterAction),
    Stream(StreamAction),
    Capture(Capture),
    Map(MapAction),
    EarlyHint(EarlyHint),
    /// `strict-mode`, `disable-l7-retry`: an effect without arguments.
    Effect(Effect<'static>),
}

/// What comes after an action.
#[derive(Debug)]
pub enum Step {
    Next,
    /// The action needs bytes that have not come: it is tried again.
    Wait,
    End(Verdict),
}

impl Rule {
    /// Whether nothing behind this rule is ever looked at.
    pub fn is_final(&self) -> bool {
        self.condition.is_none() && self.action.is_final()
    }
}

impl Action {
    fn is_final(&self) -> bool {
        match self {
            Self::End(verdict) => {
                !matches!(verdict, Verdict::ExpectProxy | Verdict::WaitForBody { .. } | Verdict::WaitForHandshake)
            }
            Self::Answer(_) | Self::Redirect(_) => true,
            _ => false,
        }
    }

    pub fn apply(&self, exchange: &mut dyn Exchange, side: Side) -> Step {
        match self {
            Self::End(verdict) => Step::End(verdict.clone()),
            Self::Answer(answering) => Step::End(answering.verdict(exchange)),
            Self::Redirect(redirect) => match redirect.reply(exchange) {
                Some(reply) => Step::End(Verdict::Reply(reply)),
                None => Step::Next,
            },
            Self::Header(action) => action.apply(exchange, side),
            Self::Uri(action) => action.apply(exchange),
            Self::Normalize(normalizer) => normalizer.apply(exchange),
            Self::Status { status, reason } => set_status(exchange, *status, reason.as_deref()),
            Self::Variable(action) => action.apply(exchange),
            Self::Track(track) => track.apply(exchange),
            Self::Counter(action) => action.apply(exchange),
            Self::Stream(action) => action.apply(exchange),
            Self::Capture(capture) => capture.apply(exchange),
            Self::Map(action) => action.apply(exchange),
            Self::EarlyHint(hint) => hint.apply(exchange),
            Self::Effect(effect) => {
                exchange.effect(effect.clone());
                Step::Next
            }
        }
    }
}

/// What a format says of this exchange.
pub fn text(format: &Format, exchange: &dyn Exchange) -> Vec<u8> {
    let mut out = Vec::new();
    format.render(exchange, &mut out);
    out
}

fn set_status(exchange: &mut dyn Exchange, status: u16, reason: Option<&str>) -> Step {
    if let Some(head) = exchange.response_mut() {
        head.status = status;
        head.set_reason(reason.unwrap_or_else(|| crate::http::errors::reason(status)).as_bytes());
    }
    Step::Next
}
