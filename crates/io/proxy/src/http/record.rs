//! What a request's log line and statistics say: times of its phases, bytes, how it ended.

use crate::dispatch::Tries;
use crate::wheel::Ms;
use balance::log::record::{Cause, Phase};

/// When what happened, by the engine's time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// The connection was accepted, or the request before was over.
    pub accepted: Ms,
    /// The request's first byte.
    pub first_byte: Ms,
    /// All of its head.
    pub head: Option<Ms>,
    /// The response's head.
    pub response: Option<Ms>,
    /// A tarpit took it in.
    pub held: Option<Ms>,
}

/// How long each phase took, in milliseconds; -1 for one that was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    pub idle: i64,
    pub request: i64,
    pub queue: i64,
    pub connect: i64,
    pub response: i64,
    pub data: i64,
    pub active: i64,
    pub total: i64,
}

impl Times {
    pub fn spans(&self, tries: &Tries, now: Ms) -> Spans {
        let from = |start: Option<Ms>, end: Option<Ms>| match (start, end) {
            (Some(start), Some(end)) => end.saturating_sub(start) as i64,
            _ => -1,
        };
        Spans {
            idle: self.first_byte.saturating_sub(self.accepted) as i64,
            request: from(Some(self.first_byte), self.head),
            queue: from(self.held.or(self.head), tries.assigned),
            connect: from(tries.assigned, tries.connected),
            response: from(tries.connected, self.response),
            data: from(self.response, Some(now)),
            active: now.saturating_sub(self.first_byte) as i64,
            total: now.saturating_sub(self.accepted) as i64,
        }
    }
}

/// How it ended; the first reason counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ending {
    pub cause: Cause,
    pub phase: Phase,
}

impl Ending {
    pub fn note(&mut self, cause: Cause, phase: Phase) {
        if self.cause == Cause::None {
            *self = Self { cause, phase };
        }
    }
}
